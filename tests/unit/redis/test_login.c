/*
 * Users, passwords, database: against a real Redis and a real Sentinel that have the access lists
 * of deploy/redis/, with the passwords filled in.
 */
#include "live.h"

enum { DC2 = 0, ACL_BYTES = 4096 };

static char lists[2][ACL_BYTES]; /* read in the project's folder */
static const char *names[2] = {"locum.acl", "locum-sentinel.acl"};
static struct process server;
static struct process sentinel;
static struct event_base *base;
static struct locum_config *config;
static struct locum_redis *locum;
static struct received received;

/* As an operator does it: each #...-PASSWORD becomes > and a password. */
static void
write_list(size_t which)
{
    static const char *const marks[][2] = {{"#MIRRORBITS-PASSWORD", ">mirrorbits-pw"},
                                           {"#LOCUM-PASSWORD", ">locum-pw"},
                                           {"#REPLICA-PASSWORD", ">replica-pw"},
                                           {"#SENTINEL-PASSWORD", ">sentinel-pw"},
                                           {"#ADMIN-PASSWORD", ">admin-pw"}};
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", live_folder, names[which]);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (const char *at = lists[which]; *at != '\0'; at++) {
        size_t i = 0;
        while (i < LOCUM_COUNT(marks) && strncmp(at, marks[i][0], strlen(marks[i][0])) != 0) {
            i++;
        }
        if (i < LOCUM_COUNT(marks)) {
            fputs(marks[i][1], file);
            at += strlen(marks[i][0]) - 1;
        } else {
            fputc(*at, file);
        }
    }
    fclose(file);
}

static int
start_both(void **state)
{
    (void)state;
    const char *const options[] = {"--aclfile", names[0], NULL};
    make_folder();
    write_list(0);
    write_list(1);
    start_server(&server, options);
    start_sentinel(&sentinel, server.port,
                   "sentinel auth-user mirrorbits sentinel\n"
                   "sentinel auth-pass mirrorbits sentinel-pw\n"
                   "sentinel sentinel-user sentinel\n"
                   "sentinel sentinel-pass sentinel-pw\n"
                   "aclfile locum-sentinel.acl\nprotected-mode no\n");
    return 0;
}

static int
end_both(void **state)
{
    (void)state;
    stop(&server);
    stop(&sentinel);
    return remove_folder();
}

static int
setup(void **state)
{
    (void)state;
    memset(&received, 0, sizeof(received));
    base = event_base_new();
    config = make_config(DC2);
    set_endpoint(&config->nodes[DC2].redis, server.port);
    set_endpoint(&config->nodes[DC2].sentinel, sentinel.port);
    SET_TEXT(config->redis.user, "locum");
    SET_TEXT(config->redis.password, "locum-pw");
    SET_TEXT(config->redis.sentinel_user, "locum");
    SET_TEXT(config->redis.sentinel_password, "locum-pw");
    config->redis.db = 3;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_redis_destroy(locum);
    locum = NULL;
    free(config);
    event_base_free(base);
    return 0;
}

static void
start_locum(void)
{
    assert_int_equal(locum_redis_create(base, config, &received_events, &received, &locum), 0);
}

/* The reply of a server to a user's command, on a new connection. */
static void
ask_as(uint16_t port, const char *user, const char *password, const char *command, char *ret,
       size_t size)
{
    redisContext *context = reach(port);
    if (user != NULL) {
        freeReplyObject(redisCommand(context, "AUTH %s %s", user, password));
    }
    redisReply *reply = redisCommand(context, command);
    assert_non_null(reply);
    snprintf(ret, size, "%s", reply->str != NULL ? reply->str : "");
    freeReplyObject(reply);
    redisFree(context);
}

/* How many commands and logins a server has refused: of Locum, Sentinel and replica. */
static size_t
refused(uint16_t port, const char *user, const char *password)
{
    redisContext *context = reach(port);
    freeReplyObject(redisCommand(context, "AUTH %s %s", user, password));
    redisReply *reply = redisCommand(context, "ACL LOG");
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    const size_t count = reply->elements;
    freeReplyObject(reply);
    redisFree(context);
    return count;
}

static bool
has_polls_and_master(void *user)
{
    (void)user;
    return received.subscribed && received.sentinel[DC2].polls > 0;
}

static bool
has_event(void *user)
{
    char length[32];
    (void)user;
    redisContext *context = reach(server.port);
    freeReplyObject(redisCommand(context, "AUTH mirrorbits-pw"));
    freeReplyObject(redisCommand(context, "SELECT 3"));
    redisReply *reply = redisCommand(context, "XLEN locum:get:events");
    snprintf(length, sizeof(length), "%lld", reply != NULL ? reply->integer : -1);
    freeReplyObject(reply);
    redisFree(context);
    return strcmp(length, "1") == 0;
}

static bool
has_heartbeat(void *user)
{
    (void)user;
    return received.heartbeats > 0 && received.announcements > 0;
}

static void
test_the_access_lists_allow_every_command_used(void **state)
{
    (void)state;
    static const struct locum_field field = {"role", "server"};
    struct locum_redis_status status;
    char text[1024];
    start_locum();
    assert_true(wait_until(base, has_polls_and_master, NULL, 5000));
    locum_redis_publish(locum, locum_slice_of("message"));
    locum_redis_write_node(locum, &field, 1, 1763863261373);
    add_event(&received, &field, 1);
    locum_redis_events_added(locum);
    redisContext *context = reach(server.port);
    freeReplyObject(redisCommand(context, "AUTH mirrorbits-pw"));
    freeReplyObject(redisCommand(context, "PUBLISH _mirrorbits_cluster %s", "HELLO3 dc2-23362"));
    redisFree(context);
    assert_true(wait_until(base, has_heartbeat, NULL, 2000));
    assert_true(wait_until(base, has_event, NULL, 2000));
    locum_redis_status(locum, &status);
    assert_string_equal(status.error, "");
    assert_string_equal(status.sentinels[0].error, "");
    assert_int_equal(received.sentinel[DC2].known[DC2], 2);
    ask_as(server.port, "default", "mirrorbits-pw", "CLIENT LIST", text, sizeof(text));
    assert_non_null(strstr(text, "user=locum"));
    assert_int_equal(refused(server.port, "default", "mirrorbits-pw"), 0);
    assert_int_equal(refused(sentinel.port, "admin", "admin-pw"), 0);
    ask_as(sentinel.port, "admin", "admin-pw", "CLIENT LIST", text, sizeof(text));
    assert_non_null(strstr(text, "user=locum"));
}

static void
test_the_access_lists_allow_nothing_else(void **state)
{
    (void)state;
    static const struct {
        bool sentinel;
        const char *user, *password, *command;
    } rows[] = {
        {false, "locum", "locum-pw", "GET foreign"},
        {false, "locum", "locum-pw", "HSET foreign a b"},
        {false, "locum", "locum-pw", "DEL locum:get:events"},
        {false, "locum", "locum-pw", "PUBLISH elsewhere x"},
        {false, "locum", "locum-pw", "SUBSCRIBE __sentinel__:hello"},
        {false, "locum", "locum-pw", "FLUSHALL"},
        {false, "locum", "locum-pw", "CONFIG GET dir"},
        {false, "locum", "locum-pw", "REPLICAOF NO ONE"},
        {false, "locum", "locum-pw", "ACL LIST"},
        {false, "locum", "locum-pw", "KEYS *"},
        {false, "locum", "locum-pw", "SHUTDOWN NOSAVE"},
        {false, "locum", "locum-pw", "PUBLISH _mirrorbits_cluster HELLO0"},
        {false, "locum", "locum-pw", "PUBLISH __sentinel__:hello x"},
        {false, "replica", "replica-pw", "GET foreign"},
        {false, "replica", "replica-pw", "INFO"},
        {false, "replica", "replica-pw", "PUBLISH __sentinel__:hello x"},
        {false, "sentinel", "sentinel-pw", "GET foreign"},
        {false, "sentinel", "sentinel-pw", "CONFIG SET dir /"},
        {false, "sentinel", "sentinel-pw", "ACL LIST"},
        {false, "sentinel", "sentinel-pw", "PUBLISH locum:get:heartbeat x"},
        {false, NULL, NULL, "GET foreign"},
        {true, "locum", "locum-pw", "SENTINEL FAILOVER mirrorbits"},
        {true, "locum", "locum-pw", "SENTINEL SET mirrorbits quorum 1"},
        {true, "locum", "locum-pw", "SENTINEL RESET *"},
        {true, "locum", "locum-pw", "SENTINEL REMOVE mirrorbits"},
        {true, "locum", "locum-pw", "PUBLISH __sentinel__:hello x"},
        {true, "sentinel", "sentinel-pw", "SENTINEL SET mirrorbits quorum 1"},
        {true, "sentinel", "sentinel-pw", "INFO"},
        {true, NULL, NULL, "PUBLISH __sentinel__:hello x"},
        {true, NULL, NULL, "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 9223372036854775807 x"},
        {true, NULL, NULL, "INFO"},
        {true, NULL, NULL, "SENTINEL SENTINELS mirrorbits"},
        {true, NULL, NULL, "SENTINEL FAILOVER mirrorbits"},
        {true, NULL, NULL, "SENTINEL SET mirrorbits quorum 1"},
        {true, NULL, NULL, "SENTINEL RESET *"},
        {true, NULL, NULL, "SENTINEL CONFIG GET *"},
        {true, NULL, NULL, "ACL LIST"},
        {true, NULL, NULL, "SHUTDOWN"},
    };
    char text[256];
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        if (strstr(rows[i].command, "_mirrorbits_cluster") != NULL && !is_redis_7()) {
            continue; /* a channel right of Redis 6.2 has no direction */
        }
        ask_as(rows[i].sentinel ? sentinel.port : server.port, rows[i].user, rows[i].password,
               rows[i].command, text, sizeof(text));
        if (strncmp(text, "NOPERM", 6) != 0 && strncmp(text, "NOAUTH", 6) != 0) {
            fail_msg("%s by %s: %s", rows[i].command, rows[i].user, text);
        }
    }
}

/* Wait for a text in the error of Redis or of the Sentinel. */
static bool
says(void *user)
{
    struct locum_redis_status status;
    locum_redis_status(locum, &status);
    return strstr(status.error, user) != NULL || strstr(status.sentinels[0].error, user) != NULL;
}

static void
assert_says(const char *want)
{
    char copy[256];
    SET_TEXT(copy, want);
    if (!wait_until(base, says, copy, 4000)) {
        struct locum_redis_status status;
        locum_redis_status(locum, &status);
        fail_msg("wanted \"%s\"; \"%s\", \"%s\"", want, status.error, status.sentinels[0].error);
    }
}

static void
test_a_wrong_login_is_reported_and_a_reload_fixes_it(void **state)
{
    (void)state;
    struct locum_config *right = malloc(sizeof(*right));
    assert_non_null(right);
    *right = *config;
    SET_TEXT(config->redis.user, "lokum");
    SET_TEXT(config->redis.sentinel_password, "wrong");
    start_locum();
    assert_says("check redis.user and redis.password");
    assert_says("check redis.sentinel-user and redis.sentinel-password-file");
    assert_int_equal(received.won, 0);
    assert_int_equal(received.polls, 0);
    locum_redis_reconfigure(locum, right);
    free(config);
    config = right;
    assert_true(wait_until(base, has_polls_and_master, NULL, 5000));
}

static void
test_a_missing_login_is_reported(void **state)
{
    (void)state;
    config->redis.user[0] = config->redis.password[0] = '\0';
    config->redis.sentinel_user[0] = config->redis.sentinel_password[0] = '\0';
    start_locum();
    assert_says("set redis.password");
    assert_says("refused (NOPERM)"); /* its default user may do little */
}

/* What Mirrorbits asks a Sentinel, for which it has no password. */
static void
test_a_sentinel_names_the_master_without_a_password(void **state)
{
    (void)state;
    redisContext *context = reach(sentinel.port);
    redisReply *reply = redisCommand(context, "SENTINEL get-master-addr-by-name mirrorbits");
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_int_equal(strtoul(reply->element[1]->str, NULL, 10), server.port);
    freeReplyObject(reply);
    reply = redisCommand(context, "ROLE");
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_string_equal(reply->element[0]->str, "sentinel");
    freeReplyObject(reply);
    redisFree(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_access_lists_allow_every_command_used),
        TEST(test_the_access_lists_allow_nothing_else),
        TEST(test_a_sentinel_names_the_master_without_a_password),
        TEST(test_a_wrong_login_is_reported_and_a_reload_fixes_it),
        TEST(test_a_missing_login_is_reported),
    };
    if (!is_redis_installed()) {
        return 0;
    }
    if (!is_redis_7()) {
        names[0] = "locum-6.2.acl";
    }
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        char path[64];
        snprintf(path, sizeof(path), "deploy/redis/%s", names[i]);
        FILE *file = fopen(path, "r");
        if (file == NULL) {
            print_error("%s: run this in the project's folder\n", path);
            return 1;
        }
        lists[i][fread(lists[i], 1, ACL_BYTES - 1, file)] = '\0';
        fclose(file);
    }
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, start_both, end_both);
}
