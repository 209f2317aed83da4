/* A start whose file is refused has the last configuration that took effect, of this node alone. */
#include "fixture.h"

#include "daemon/fallback.h"

static struct locum_config *config;
static struct locum_fallback_reason reason;

static bool
begin(bool fallback)
{
    locum_config_free(config);
    config = NULL;
    return locum_fallback_start("locum.yaml", fallback, &config, &reason) == 0;
}

static int
end(void **state)
{
    locum_config_free(config);
    config = NULL;
    return teardown(state);
}

/* A good start, and what it keeps. */
static void
keep(char ret_file[LOCUM_KEPT_PATH_MAX])
{
    struct locum_fallback_file kept;
    struct stat info;
    write_config("", "");
    assert_true(begin(true));
    assert_false(config->kept);
    assert_string_equal(reason.error, "");
    assert_int_equal(locum_fallback_make(config, 1763863258173, &kept), 0);
    memcpy(ret_file, kept.path, sizeof(kept.path));
    assert_int_equal(locum_kept_write(kept.path, kept.bytes, kept.length), 0);
    free(kept.bytes);
    assert_int_equal(stat(ret_file, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
}

/* Replace the first `from` in a file. */
static void
replace(const char *file, const char *from, const char *to)
{
    static char text[LOG_BYTES], changed[LOG_BYTES];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    const ssize_t length = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    assert_true(length > 0);
    text[length] = '\0';
    const char *at = strstr(text, from);
    assert_non_null(at);
    (void)snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, to,
                   at + strlen(from));
    write_file(file, changed);
}

static void
assert_kept(const char *error)
{
    assert_true(begin(true));
    assert_true(config->kept);
    assert_string_equal(config->core.nodes[config->core.self].name, "dc2");
    assert_string_equal(reason.since, "2025-11-23T02:00:58.173Z");
    if (strstr(reason.error, error) == NULL) {
        fail_msg("\"%s\" instead of \"%s\"", reason.error, error);
    }
    assert_non_null(strstr(read_log(), "event=kept"));
    assert_false(begin(false)); /* --no-fallback */
}

static void
assert_refused(const char *why)
{
    assert_false(begin(true));
    assert_null(config);
    assert_non_null(strstr(read_log(), "cannot be used instead"));
    if (strstr(read_log(), why) == NULL) {
        fail_msg("not \"%s\": %s", why, read_log());
    }
}

static void
test_each_way_in_which_a_file_is_refused(void **state)
{
    char file[LOCUM_KEPT_PATH_MAX];
    (void)state;
    keep(file);
    write_config("", "colour: red\n");
    assert_kept("locum.yaml:14:1: error: key \"colour\"");
    write_config("", "colour: [\n"); /* no YAML: state-dir is found in its line */
    assert_kept("not YAML");
    write_config("", "");
    replace("locum.yaml", "    ns:", "    records: [\"get A 192.0.2.1 x\"]\n    ns:");
    assert_kept("record");
    write_config("", "");
    assert_int_equal(rename("secret", "away"), 0);
    assert_kept("secret-file");
    assert_true(begin(true));
    assert_int_equal(config->secrets.count, 0);
    assert_int_equal(rename("away", "secret"), 0);
    assert_true(begin(true));
    assert_false(config->kept);
}

/* Where a missing file said its state folder is not known: systemd may. */
static void
test_a_missing_file(void **state)
{
    char file[LOCUM_KEPT_PATH_MAX], folders[100];
    (void)state;
    keep(file);
    assert_int_equal(unlink("locum.yaml"), 0);
    assert_refused("No such file");
    (void)snprintf(folders, sizeof(folders), "%s:/nowhere", folder);
    assert_int_equal(setenv("STATE_DIRECTORY", folders, 1), 0);
    assert_kept("No such file");
    assert_int_equal(unsetenv("STATE_DIRECTORY"), 0);
}

static void
test_another_node_or_cluster(void **state)
{
    char file[LOCUM_KEPT_PATH_MAX];
    (void)state;
    keep(file);
    write_config("", "colour: red\n");
    replace("locum.yaml", "node: dc2", "node: dc3");
    assert_refused("it belongs to node dc2 of cluster get; this host is node dc3 of cluster get");
    replace("locum.yaml", "node: dc3", "node: dc2");
    replace("locum.yaml", "cluster: get", "cluster: put");
    assert_refused("this host is node dc2 of cluster put");
}

/* The configuration names no node: the host's name does, which is another one on another host. */
static void
test_the_host_has_another_name(void **state)
{
    struct locum_fallback_file kept;
    char host_name[100];
    (void)state;
    assert_int_equal(gethostname(host_name, sizeof(host_name)), 0);
    write_config("", "");
    assert_true(begin(true));
    free((char *)config->source.yaml);
    config->source.yaml =
        strdup("cluster: get\nsecret-file: secret\nnodes: {nohost: {address: [192.0.2.12]}}\n"
               "zones: [{name: get.example.org, ns: [ns.example.com]}]\n"
               "service: {checks: [{tcp: {address: \"127.0.0.1:80\"}}]}\n");
    assert_int_equal(locum_fallback_make(config, 0, &kept), 0);
    assert_int_equal(locum_kept_write(kept.path, kept.bytes, kept.length), 0);
    free(kept.bytes);
    write_config("", "colour: red\n");
    assert_refused("it is refused too");
}

static void
test_a_damaged_file_is_not_used(void **state)
{
    char file[LOCUM_KEPT_PATH_MAX];
    (void)state;
    static const struct {
        const char *from, *to;
    } changes[] = {{"locum-kept 1", "locum-kept 2"},
                   {"node 3\ndc2", "node 3\ndc3"},
                   {"19853", "19854"},
                   {"}\n", ""},
                   {"yaml ", "yaml 1"},
                   {"\n", " "}};
    for (size_t i = 0; i < LOCUM_COUNT(changes); i++) {
        keep(file);
        replace(file, changes[i].from, changes[i].to);
        write_config("", "colour: red\n");
        assert_refused("it is damaged");
    }
    write_file(file, "");
    assert_refused("it is damaged");
    keep(file);
    write_config("", "colour: red\n");
    assert_int_equal(chmod(file, 0644), 0);
    assert_refused("users other than its owner");
    assert_int_equal(unlink(file), 0);
    assert_refused("No such file");
}

static bool
is_file_there(void)
{
    DIR *files = opendir(folder);
    bool found = false;
    for (const struct dirent *at; (at = readdir(files)) != NULL;) {
        found = found || strstr(at->d_name, ".kept") != NULL;
    }
    (void)closedir(files);
    return found;
}

/* `about` of the status' degraded. */
static bool
is_degraded(const char *about, const char *word)
{
    json_t *status = get_status();
    bool found = false;
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(status, "degraded"), i, item)
    {
        found = found || (strcmp(json_string_value(json_object_get(item, "about")), about) == 0 &&
                          strstr(json_string_value(json_object_get(item, "text")), word) != NULL);
    }
    json_decref(status);
    return found;
}

/* GREEN-15: a whole daemon keeps what took effect, goes on with it, and says so until a reload. */
static void
test_a_daemon_with_a_kept_configuration(void **state)
{
    json_t *messages;
    (void)state;
    write_config("", "");
    start();
    assert_true(wait_until(is_file_there));
    assert_false(is_degraded("file", ""));
    locum_daemon_destroy(daemon_);
    write_config("", "colour: red\n");
    assert_int_equal(rename("secret", "away"), 0);
    start();
    assert_true(is_degraded("file", "locum.yaml:3:14: error: secret-file"));
    assert_true(is_degraded("secret", "no heartbeats: secret-file"));
    assert_int_equal(get_metric("locum_degraded{about=\"file\"}"), 1);
    run_for(1000); /* heartbeats would be due */
    assert_int_not_equal(locum_daemon_wiring_reload(daemon_, &messages), 0);
    json_decref(messages);
    assert_true(is_degraded("file", "secret-file"));
    write_config("", "");
    assert_int_equal(rename("away", "secret"), 0);
    assert_int_equal(locum_daemon_wiring_reload(daemon_, &messages), 0);
    json_decref(messages);
    assert_false(is_degraded("file", ""));
    assert_false(is_degraded("secret", ""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_way_in_which_a_file_is_refused, setup, end),
        cmocka_unit_test_setup_teardown(test_a_missing_file, setup, end),
        cmocka_unit_test_setup_teardown(test_another_node_or_cluster, setup, end),
        cmocka_unit_test_setup_teardown(test_the_host_has_another_name, setup, end),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_is_not_used, setup, end),
        cmocka_unit_test_setup_teardown(test_a_daemon_with_a_kept_configuration, setup, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
