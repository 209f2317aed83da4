/*
 * The access lists in deploy/redis/ match the table of commands.
 *
 *   test_acl         compares
 *   test_acl write   writes them: `make acl`
 */
#include "fixture.h"

#include <stdio.h>

#include "base/text_format.h"
#include "redis/command.h"

enum { ACL_BYTES = 2048 };
#define CLUSTER "get"

struct acl {
    const char *path;
    void (*add)(struct locum_text *text);
};

/* " +client|setname +select ..." */
static void
add_commands(struct locum_text *text, bool sentinel)
{
    for (size_t i = 0; i < LOCUM_COMMANDS; i++) {
        const struct locum_command_row *row = &locum_command_table[i];
        char word[64];
        struct locum_text name = locum_text_init(word, sizeof(word));
        if (row->needs_no_grant || !(sentinel ? row->sentinel : row->master)) {
            continue;
        }
        locum_text_add(&name, row->name);
        if (row->subcommand != NULL) {
            locum_text_add_char(&name, '|');
            locum_text_add(&name, row->subcommand);
        }
        for (char *c = word; *c != '\0'; c++) {
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
        }
        locum_text_add(text, " +");
        locum_text_add(text, word);
    }
}

/* " PREFIXlocum:get:nodes ...": Locum writes these keys and never reads them. */
static void
add_keys(struct locum_text *text, const char *prefix)
{
    const struct locum_command_key keys[] = {locum_command_key(CLUSTER, "nodes", NULL),
                                             locum_command_key(CLUSTER, "node", "*"),
                                             locum_command_key(CLUSTER, "events", NULL)};
    for (size_t i = 0; i < LOCUM_COUNT(keys); i++) {
        locum_text_format(text, " %s%s", prefix, keys[i].text);
    }
}

/*
 * `default` is Mirrorbits. What a replica needs: redis.io "ACL", "ACL rules for Sentinel and
 * Replicas", and SYNC, which Valkey uses for its second channel. What a Sentinel needs: the same
 * page; the transaction is a failover.
 */
static void
add_redis_users(struct locum_text *text)
{
    locum_text_add(text, "user default on #MIRRORBITS-PASSWORD ~* &* +@all\n"
                         "user replica on #REPLICA-PASSWORD resetkeys resetchannels -@all +ping "
                         "+psync +replconf +sync\n"
                         "user sentinel on #SENTINEL-PASSWORD resetkeys resetchannels "
                         "&__sentinel__:hello -@all +client|kill +client|setname +config|rewrite "
                         "+exec +info +multi +ping +publish +role +script|kill +slaveof "
                         "+subscribe\n"
                         "user locum on #LOCUM-PASSWORD resetkeys");
}

/* A channel right has no direction: a selector lets Locum subscribe to Mirrorbits' channel, and not
 * publish there. */
static void
add_redis(struct locum_text *text)
{
    add_redis_users(text);
    add_keys(text, "%W~");
    locum_text_add(text, " resetchannels &");
    locum_text_add(text, locum_command_key(CLUSTER, "heartbeat", NULL).text);
    locum_text_add(text, " -@all");
    add_commands(text, false);
    locum_text_add(text, " (resetchannels &" LOCUM_CHANNEL_MIRRORBITS " -@all +subscribe)\n");
}

/* Redis 6.2 knows neither selectors nor rights to write only. */
static void
add_redis_6(struct locum_text *text)
{
    add_redis_users(text);
    add_keys(text, "~");
    locum_text_add(text, " resetchannels &");
    locum_text_add(text, locum_command_key(CLUSTER, "heartbeat", NULL).text);
    locum_text_add(text, " &" LOCUM_CHANNEL_MIRRORBITS " -@all");
    add_commands(text, false);
    locum_text_add_char(text, '\n');
}

/*
 * Everyone who reaches a Sentinel is `default`: what Mirrorbits asks, and no more. What Sentinels
 * send each other needs a password: a message on __sentinel__:hello moves the master, and
 * is-master-down-by-addr sets the epoch of the next election.
 */
static void
add_sentinel(struct locum_text *text)
{
    locum_text_add(text, "user default on nopass resetkeys resetchannels -@all +ping "
                         "+client|setname +role +sentinel|get-master-addr-by-name\n"
                         "user sentinel on #SENTINEL-PASSWORD resetkeys resetchannels "
                         "&__sentinel__:hello -@all +ping +publish +client|setname "
                         "+sentinel|is-master-down-by-addr\n"
                         "user admin on #ADMIN-PASSWORD ~* &* +@all\n"
                         "user locum on #LOCUM-PASSWORD resetkeys resetchannels");
    for (size_t i = 0; i < LOCUM_SENTINEL_CHANNELS; i++) {
        locum_text_add(text, " &");
        locum_text_add(text, locum_sentinel_channels[i]);
    }
    locum_text_add(text, " -@all");
    add_commands(text, true);
    locum_text_add_char(text, '\n');
}

static const struct acl acls[] = {
    {"deploy/redis/locum.acl", add_redis},
    {"deploy/redis/locum-6.2.acl", add_redis_6},
    {"deploy/redis/locum-sentinel.acl", add_sentinel},
};

static char in_tree[LOCUM_COUNT(acls)][ACL_BYTES];

static void
test_the_access_lists_match_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(acls); i++) {
        char want[ACL_BYTES];
        struct locum_text text = locum_text_init(want, sizeof(want));
        acls[i].add(&text);
        assert_false(text.truncated);
        if (strcmp(in_tree[i], want) != 0) {
            fail_msg("%s: run `make acl`; it should be\n%s", acls[i].path, want);
        }
    }
}

static int
write_all(void)
{
    int status = 0;
    for (size_t i = 0; i < LOCUM_COUNT(acls); i++) {
        char buffer[ACL_BYTES];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        FILE *file = fopen(acls[i].path, "w");
        acls[i].add(&text);
        if (file == NULL || fputs(buffer, file) < 0 || fclose(file) != 0) {
            perror(acls[i].path);
            status = 1;
        }
    }
    return status;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_access_lists_match_the_table)};
    if (argc == 2 && strcmp(argv[1], "write") == 0) {
        return write_all();
    }
    for (size_t i = 0; i < LOCUM_COUNT(acls); i++) {
        FILE *file = fopen(acls[i].path, "r");
        if (file != NULL) {
            in_tree[i][fread(in_tree[i], 1, ACL_BYTES - 1, file)] = '\0';
            (void)fclose(file);
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
