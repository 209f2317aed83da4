/* health: https against a real TLS server; faults of a certificate are named. */
#include "fixture.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

enum { LONG_MS = 60000, TLS_MS = 5000, SILENT_MS = 100, DAY_S = 24 * 3600 };

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

/* The server: one connection after the other, until `stop` can be read. */
static struct {
    SSL_CTX *context;
    int listener, stop[2];
    pthread_t thread;
    struct locum_address address;
    char server_name[254]; /* the last server name that a client asked for */
    int resumed;           /* sessions, whose certificate was not verified */
} server;

static struct identity authority, other;
static char folder[] = "/tmp/locum-https-XXXXXX";

static void
add_extension(X509 *certificate, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* A certificate for `name`, valid between two times from now; issuer NULL: signed by itself. */
static struct identity
identity_of(const char *name, const struct identity *issuer, bool authority_itself, long from_s,
            long until_s)
{
    static long serial;
    char san[300];
    struct locum_text text = locum_text_init(san, sizeof(san));
    struct identity self = {EVP_EC_gen("P-256"), X509_new()};
    assert_non_null(self.key);
    assert_non_null(self.certificate);
    X509_set_version(self.certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(self.certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(self.certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(self.certificate), until_s);
    X509_set_pubkey(self.certificate, self.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(self.certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(
        self.certificate,
        X509_get_subject_name(issuer != NULL ? issuer->certificate : self.certificate));
    add_extension(self.certificate, NID_basic_constraints,
                  authority_itself ? "critical,CA:TRUE" : "CA:FALSE");
    locum_text_add(&text, "DNS:");
    locum_text_add(&text, name);
    add_extension(self.certificate, NID_subject_alt_name, san);
    assert_true(X509_sign(self.certificate, issuer != NULL ? issuer->key : self.key, EVP_sha256()) >
                0);
    return self;
}

static void
forget(struct identity *self)
{
    X509_free(self->certificate);
    EVP_PKEY_free(self->key);
}

static void
path_in_folder(const char *name, char ret[LOCUM_PATH_MAX + 1])
{
    struct locum_text text = locum_text_init(ret, LOCUM_PATH_MAX + 1);
    locum_text_add(&text, folder);
    locum_text_add(&text, "/");
    locum_text_add(&text, name);
}

static void
write_certificate(const char *name, const struct identity *identity)
{
    char path[LOCUM_PATH_MAX + 1];
    path_in_folder(name, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
    assert_int_equal(fclose(file), 0);
}

static void
serve_one(int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    char request[2048];
    SSL *stream = SSL_new(server.context);
    SSL_set_fd(stream, fd);
    if (SSL_accept(stream) == 1 && SSL_read(stream, request, sizeof(request)) > 0) {
        const char *name = SSL_get_servername(stream, TLSEXT_NAMETYPE_host_name);
        struct locum_text server_name =
            locum_text_init(server.server_name, sizeof(server.server_name));
        locum_text_add(&server_name, name != NULL ? name : "");
        server.resumed += SSL_session_reused(stream);
        (void)SSL_write(stream, answer, sizeof(answer) - 1);
        (void)SSL_shutdown(stream);
    }
    SSL_free(stream);
    (void)close(fd);
}

static void *
serve_all(void *user)
{
    struct pollfd fds[] = {{.fd = server.listener, .events = POLLIN},
                           {.fd = server.stop[0], .events = POLLIN}};
    (void)user;
    while (poll(fds, 2, -1) >= 0 && fds[1].revents == 0) {
        const int fd = accept4(server.listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            serve_one(fd);
        }
    }
    return NULL;
}

static void
start_server(const struct identity *identity)
{
    struct sockaddr_storage name;
    const struct locum_address any = loopback();
    const socklen_t length = locum_address_to_sockaddr(&any, &name);
    server.context = SSL_CTX_new(TLS_server_method());
    assert_non_null(server.context);
    assert_int_equal(SSL_CTX_use_certificate(server.context, identity->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server.context, identity->key), 1);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(server.listener, 8), 0);
    server.address = address_of_socket(server.listener);
    assert_int_equal(pipe(server.stop), 0);
    assert_int_equal(pthread_create(&server.thread, NULL, serve_all, NULL), 0);
}

static void
stop_server(void)
{
    assert_int_equal(write(server.stop[1], "", 1), 1);
    assert_int_equal(pthread_join(server.thread, NULL), 0);
    (void)close(server.stop[0]);
    (void)close(server.stop[1]);
    (void)close(server.listener);
    SSL_CTX_free(server.context);
}

/* One probe of https://get.example.org/ at the address; trusting this file of the folder alone. */
static void
probe(const struct locum_address *address, const char *ca_file, locum_ms timeout_ms)
{
    struct locum_config_check *check = add_http(address, "/", LONG_MS, timeout_ms);
    struct locum_text url = locum_text_init(check->http.url, sizeof(check->http.url));
    locum_text_add(&url, "https://get.example.org/");
    check->http.connect_to = *address;
    path_in_folder(ca_file, check->http.ca_file);
    start_health();
    wait_for(&the.samples[0], 1);
}

static void
test_certificates_are_verified(void **state)
{
    static const struct {
        const char *name;
        bool self_signed;
        long from_s, until_s;
        const char *ca_file;
        enum locum_sample outcome;
        const char *pattern;
    } rows[] = {
        {"get.example.org", false, -DAY_S, DAY_S, "ca", LOCUM_SAMPLE_PASS, "200 in * ms"},
        {"*.example.org", false, -DAY_S, DAY_S, "ca", LOCUM_SAMPLE_PASS, "200 in * ms"},
        {"other.example.org", false, -DAY_S, DAY_S, "ca", LOCUM_SAMPLE_FAIL,
         "SSL: no alternative certificate subject name matches target host*name "
         "'get.example.org'"},
        {"get.example.org", false, -DAY_S, DAY_S, "other", LOCUM_SAMPLE_FAIL,
         "SSL certificate problem: unable to get local issuer certificate"},
        {"get.example.org", true, -DAY_S, DAY_S, "ca", LOCUM_SAMPLE_FAIL,
         "SSL certificate problem: self*signed certificate"},
        {"get.example.org", false, -2 * DAY_S, -DAY_S, "ca", LOCUM_SAMPLE_FAIL,
         "SSL certificate problem: certificate has expired"},
        {"get.example.org", false, DAY_S, 2 * DAY_S, "ca", LOCUM_SAMPLE_FAIL,
         "SSL certificate problem: certificate is not yet valid"},
        {"get.example.org", false, -DAY_S, DAY_S, "absent", LOCUM_SAMPLE_FAIL,
         "ca-file */absent: No such file or directory"},
        {"get.example.org", false, -DAY_S, DAY_S, "fifo", LOCUM_SAMPLE_FAIL,
         "ca-file */fifo: not a regular file"},
        {"get.example.org", false, -DAY_S, DAY_S, "empty", LOCUM_SAMPLE_FAIL,
         "ca-file */empty: no certificate in PEM format can be read from it"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct identity identity =
            identity_of(rows[i].name, rows[i].self_signed ? NULL : &authority, false,
                        rows[i].from_s, rows[i].until_s);
        start_server(&identity);
        probe(&server.address, rows[i].ca_file, TLS_MS);
        assert_sample(rows[i].outcome, rows[i].pattern);
        end_probe();
        stop_server();
        forget(&identity);
    }
}

/* The server gets the name that the certificate must be for. */
static void
test_server_name_is_sent(void **state)
{
    (void)state;
    struct identity identity = identity_of("get.example.org", &authority, false, -DAY_S, DAY_S);
    start_server(&identity);
    probe(&server.address, "ca", TLS_MS);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
    end_probe();
    assert_string_equal(server.server_name, "get.example.org");
    struct locum_config_check *check = add_http(&server.address, "/", LONG_MS, TLS_MS);
    struct locum_text url = locum_text_init(check->http.url, sizeof(check->http.url));
    locum_text_add(&url, "https://");
    locum_text_add(&url, locum_address_text(&server.address).text);
    path_in_folder("ca", check->http.ca_file);
    server.server_name[0] = '\0';
    assert_int_equal(locum_slice_copy(locum_slice_of("get.example.org"), check->http.host, 254), 0);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
    end_probe();
    stop_server();
    assert_string_equal(server.server_name, "get.example.org");
    forget(&identity);
}

/* Every probe verifies the certificate, so one that expires meanwhile fails. */
static void
test_no_session_is_resumed(void **state)
{
    (void)state;
    struct identity identity = identity_of("get.example.org", &authority, false, -DAY_S, DAY_S);
    start_server(&identity);
    server.resumed = 0;
    struct locum_config_check *check = add_http(&server.address, "/", 10, TLS_MS);
    struct locum_text url = locum_text_init(check->http.url, sizeof(check->http.url));
    locum_text_add(&url, "https://get.example.org/");
    check->http.connect_to = server.address;
    path_in_folder("ca", check->http.ca_file);
    start_health();
    wait_for(&the.samples[0], 4);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
    end_probe();
    stop_server();
    assert_int_equal(server.resumed, 0);
    forget(&identity);
}

/* Bytes that this process has read from files and sockets. */
static long long
count_read(void)
{
    long long count = -1;
    FILE *file = fopen("/proc/self/io", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "rchar: %lld", &count), 1);
    (void)fclose(file);
    return count;
}

/* They are more than a hundred, in some 200 KiB. */
static void
test_authorities_of_the_system_are_read_once(void **state)
{
    (void)state;
    struct identity identity = identity_of("get.example.org", &authority, false, -DAY_S, DAY_S);
    start_server(&identity);
    struct locum_config_check *check = add_http(&server.address, "/", 10, TLS_MS);
    struct locum_text url = locum_text_init(check->http.url, sizeof(check->http.url));
    locum_text_add(&url, "https://get.example.org/");
    check->http.connect_to = server.address;
    const long long before = count_read();
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_FAIL,
                  "SSL certificate problem: unable to get local issuer certificate");
    const long long first = count_read();
    wait_for(&the.samples[0], 6);
    const long long rest = count_read() - first;
    assert_true(first - before > 100 * 1024);
    assert_true(rest < 100 * 1024);
    end_probe();
    stop_server();
    forget(&identity);
}

/* As Nginx, Apache and Go do: no protocol of the client's list is taken (RFC 7301 3.2). */
static int
refuse_protocols(SSL *stream, const unsigned char **ret, unsigned char *ret_length,
                 const unsigned char *offered, unsigned int length, void *user)
{
    (void)stream, (void)ret, (void)ret_length, (void)offered, (void)length, (void)user;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void
test_http2_only_server(void **state)
{
    (void)state;
    struct identity identity = identity_of("get.example.org", &authority, false, -DAY_S, DAY_S);
    start_server(&identity);
    SSL_CTX_set_alpn_select_cb(server.context, refuse_protocols, NULL);
    probe(&server.address, "ca", TLS_MS);
    assert_sample(
        LOCUM_SAMPLE_FAIL,
        "the server does not speak HTTP/1.1 on this port, but only HTTP/2 or another protocol");
    end_probe();
    stop_server();
    forget(&identity);
}

/* One that accepts the connection and never answers, and one that speaks plain HTTP. */
static void
test_peer_without_tls_fails(void **state)
{
    (void)state;
    probe(&the.address, "ca", SILENT_MS);
    assert_sample(LOCUM_SAMPLE_FAIL, "no answer within 100 ms");
}

static void
add_tls(const struct locum_address *address, const char *ca_file, locum_ms timeout_ms, bool fails)
{
    static const char *const names[] = {"get.example.org.", "dc2.example.org.", "dc3.example.org."};
    struct locum_config_check *check = add_check(LOCUM_CHECK_TLS, LONG_MS, timeout_ms);
    check->tls.address = *address;
    check->tls.expiry_fails = fails;
    path_in_folder(ca_file, check->tls.ca_file);
    the.config->core.self = 0;
    the.config->core.name_count = LOCUM_COUNT(names);
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        the.config->core.names[i].owner = i == 0 ? LOCUM_NODE_NONE : (locum_node)(i - 1);
        (void)strcpy(the.config->names[i].name, names[i]);
    }
    start_health();
    wait_for(&the.samples[0], 1);
}

static void
assert_certificate(size_t i, const char *name, long left_s, const char *why)
{
    const struct locum_health_outcomes outcomes = locum_health_outcomes(the.health, 0);
    assert_int_equal(outcomes.certificate_count, 2); /* dc3's name is not this node's */
    assert_string_equal(outcomes.certificates[i].name, name);
    assert_in_range(outcomes.certificates[i].expires_s - time(NULL) - left_s + 30, 0, 30);
    if (fnmatch(why, outcomes.certificates[i].why, 0) != 0) {
        fail_msg("\"%s\", expected \"%s\"", outcomes.certificates[i].why, why);
    }
}

/* A tls check looks at the certificate for each shared name and each that the node owns. */
static void
test_ends_of_certificates(void **state)
{
    static const struct {
        const char *name;
        long from_s, until_s;
        bool fails; /* the check has expiry: fail */
        const char *ca_file;
        enum locum_sample outcome;
        const char *pattern;
        const char *why[2];
    } rows[] = {
        {"*.example.org",
         -DAY_S,
         9 * DAY_S,
         true,
         "ca",
         LOCUM_SAMPLE_PASS,
         "2 names in * ms, the first certificate ends on 20* (get.example.org)",
         {"", ""}},
        {"get.example.org",
         -DAY_S,
         9 * DAY_S,
         false,
         "ca",
         LOCUM_SAMPLE_PASS,
         "dc2.example.org: SSL: no alternative certificate subject name *",
         {"", "SSL: no alt*"}},
        {"*.example.org",
         -2 * DAY_S,
         -DAY_S,
         false,
         "ca",
         LOCUM_SAMPLE_PASS,
         "get.example.org: * certificate has expired; 1 more of 2 names fail",
         {"*expired", "*expired"}},
        {"*.example.org",
         -2 * DAY_S,
         -DAY_S,
         true,
         "ca",
         LOCUM_SAMPLE_FAIL,
         "get.example.org: * certificate has expired; 1 more of 2 names fail",
         {"*expired", "*expired"}},
        {"get.example.org",
         -DAY_S,
         9 * DAY_S,
         true,
         "ca",
         LOCUM_SAMPLE_FAIL,
         "dc2.example.org: SSL: no alternative *",
         {"", "SSL: no alt*"}},
        {"*.example.org",
         -DAY_S,
         DAY_S,
         false,
         "other",
         LOCUM_SAMPLE_PASS,
         "get.example.org: * unable to get local issuer certificate; 1 more *",
         {"*issuer*", "*issuer*"}},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct identity identity =
            identity_of(rows[i].name, &authority, false, rows[i].from_s, rows[i].until_s);
        start_server(&identity);
        add_tls(&server.address, rows[i].ca_file, TLS_MS, rows[i].fails);
        assert_sample(rows[i].outcome, rows[i].pattern);
        assert_certificate(0, "get.example.org.", rows[i].until_s, rows[i].why[0]);
        assert_certificate(1, "dc2.example.org.", rows[i].until_s, rows[i].why[1]);
        end_probe();
        stop_server();
        forget(&identity);
    }
}

/* A wildcard is asked for by a name below it. */
static void
test_a_wildcard_name(void **state)
{
    (void)state;
    struct identity identity = identity_of("*.dl.example.org", &authority, false, -DAY_S, DAY_S);
    start_server(&identity);
    struct locum_config_check *check = add_check(LOCUM_CHECK_TLS, LONG_MS, TLS_MS);
    check->tls.address = server.address;
    check->tls.expiry_fails = true;
    path_in_folder("ca", check->tls.ca_file);
    the.config->core.name_count = 1;
    the.config->core.names[0].owner = LOCUM_NODE_NONE;
    (void)strcpy(the.config->names[0].name, "*.dl.example.org.");
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS,
                  "1 name in * ms, the first certificate ends on * (?.dl.example.org)");
    assert_string_equal(locum_health_outcomes(the.health, 0).certificates[0].why, "");
    end_probe();
    stop_server();
    forget(&identity);
}

static int
refuse_name(SSL *stream, int *alert, void *user)
{
    (void)alert, (void)user;
    return strcmp(SSL_get_servername(stream, TLSEXT_NAMETYPE_host_name), "get.example.org") == 0
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void
test_a_name_that_the_server_refuses(void **state)
{
    (void)state;
    struct identity identity = identity_of("*.example.org", &authority, false, -DAY_S, DAY_S);
    start_server(&identity);
    SSL_CTX_set_tlsext_servername_callback(server.context, refuse_name);
    add_tls(&server.address, "ca", TLS_MS, false);
    assert_sample(LOCUM_SAMPLE_PASS, "dc2.example.org: *unrecognized name*");
    const struct locum_health_outcomes outcomes = locum_health_outcomes(the.health, 0);
    assert_int_equal(outcomes.certificates[1].expires_s, 0);
    assert_string_equal(outcomes.certificates[0].why, "");
    end_probe();
    stop_server();
    forget(&identity);
}

static void
test_a_tls_check_without_an_answer(void **state)
{
    (void)state;
    const struct locum_address closed = free_address();
    add_tls(&the.address, "ca", SILENT_MS, false);
    assert_sample(LOCUM_SAMPLE_FAIL, "no answer within 100 ms");
    end_probe();
    add_tls(&closed, "ca", TLS_MS, false);
    assert_sample(LOCUM_SAMPLE_REFUSED, "connection refused");
    end_probe();
    add_tls(&closed, "absent", TLS_MS, false);
    assert_sample(LOCUM_SAMPLE_FAIL, "ca-file */absent: No such file or directory");
    end_probe();
    /* Ended in the middle of a probe. */
    the.config->core.check_count = 1;
    the.config->checks[0].tls.address = the.address;
    path_in_folder("ca", the.config->checks[0].tls.ca_file);
    start_health();
    assert_int_not_equal(event_base_loop(the.base, EVLOOP_ONCE), -1);
}

static int
begin(void **state)
{
    char path[LOCUM_PATH_MAX + 1];
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* a client that trusts not hangs up */
    authority = identity_of("authority", NULL, true, -DAY_S, DAY_S);
    other = identity_of("other", NULL, true, -DAY_S, DAY_S);
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    write_certificate("ca", &authority);
    write_certificate("other", &other);
    path_in_folder("fifo", path);
    if (mkfifo(path, 0600) != 0) {
        return 1;
    }
    path_in_folder("empty", path);
    return close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
end(void **state)
{
    static const char *const files[] = {"ca", "other", "fifo", "empty"};
    char path[LOCUM_PATH_MAX + 1];
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(files); i++) {
        path_in_folder(files[i], path);
        (void)unlink(path);
    }
    forget(&authority);
    forget(&other);
    return rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_certificates_are_verified),
        TEST(test_server_name_is_sent),
        TEST(test_no_session_is_resumed),
        TEST(test_http2_only_server),
        TEST(test_authorities_of_the_system_are_read_once),
        TEST(test_peer_without_tls_fails),
        TEST(test_ends_of_certificates),
        TEST(test_a_wildcard_name),
        TEST(test_a_name_that_the_server_refuses),
        TEST(test_a_tls_check_without_an_answer),
    };
    return cmocka_run_group_tests_name("health: https", tests, begin, end);
}
