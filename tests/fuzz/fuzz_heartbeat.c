/*
 * fuzz_heartbeat: a message from the peer port or the Redis channel. A message without a valid
 * signature, by a key or a secret, is refused; reading and writing a heartbeat keeps its contents;
 * the core accepts it.
 */
#include "fuzz.h"

#include "../unit/core/fixture.h"
#include "base/keyring.h"

const unsigned fuzz_mutations = 40000;

static const struct locum_secrets secrets = {.key = {{1, 2, 3}, {4, 5, 6}}, .count = 2};

/* A core that has sent some heartbeats, so that acknowledgements of them are valid. */
static const struct locum_core *
began(void)
{
    static struct locum_core core;
    static bool made;
    if (!made) {
        static struct locum_actions actions;
        const struct locum_core_config config = config_of(2, 1, 1);
        locum_core_init(&core, &config, NULL, beginning);
        for (locum_ms ms = 0; ms <= 500; ms += 10) {
            const struct locum_input event = {
                .kind = LOCUM_INPUT_COMMIT,
                .now = {beginning.mono + ms, beginning.boot + ms, beginning.wall + ms}};
            locum_core_step(&core, &event, &actions);
        }
        made = true;
    }
    return &core;
}

static bool
is_same(const struct locum_heartbeat *a, const struct locum_heartbeat *b)
{
    bool same = a->sender == b->sender && a->incarnation == b->incarnation && a->seq == b->seq &&
                a->interval_ms == b->interval_ms && a->service == b->service &&
                a->admin == b->admin && a->leaving == b->leaving && a->wall == b->wall &&
                a->acked == b->acked && strcmp(a->digest, b->digest) == 0 &&
                strcmp(a->version, b->version) == 0;
    for (locum_node peer = 0; peer < LOCUM_NODES_MAX; peer++) {
        const struct locum_ack *x = &a->acks[peer];
        const struct locum_ack *y = &b->acks[peer];
        same = same && x->has_number == y->has_number && x->state_code == y->state_code &&
               x->incarnation == y->incarnation && x->seq == y->seq;
    }
    return same;
}

static void
check_meaning(struct locum_slice line)
{
    const struct locum_core_config *config = &began()->config;
    struct locum_heartbeat first;
    struct locum_heartbeat second;
    char buffer[LOCUM_HEARTBEAT_MAX];
    if (!locum_heartbeat_parse(line, config, &first)) {
        return;
    }
    struct locum_text text = locum_text_init(buffer, sizeof(buffer) - LOCUM_SIGNATURE_BYTES);
    locum_heartbeat_add(&text, config, &first);
    REQUIRE(!text.truncated);
    REQUIRE(locum_heartbeat_parse((struct locum_slice){buffer, text.length}, config, &second));
    REQUIRE(is_same(&first, &second));
    for (const char *c = buffer; *c != '\0'; c++) {
        REQUIRE(*c >= ' ' && *c < 127); /* it is displayed and must stay one line */
    }
}

static void
check_seal(struct locum_slice line)
{
    static char buffer[65536 + LOCUM_SIGNATURE_BYTES + 1];
    struct locum_slice opened;
    size_t secret;
    REQUIRE(locum_signature_check(&secrets, line, &opened, &secret) !=
            0); /* no secret has signed it */
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_text_add_bytes(&text, line.at, line.length);
    REQUIRE(locum_signature_add(&secrets, &text) == 0);
    const struct locum_slice sealed = {buffer, text.length};
    REQUIRE(locum_signature_check(&secrets, sealed, &opened, &secret) == 0 && secret == 0);
    REQUIRE(opened.at == buffer && opened.length == line.length);
    const size_t place = line.length > 0 ? (uint8_t)line.at[0] % sealed.length : 0;
    buffer[place] ^= 1;
    REQUIRE(locum_signature_check(&secrets, sealed, &opened, &secret) != 0);
}

/* The keys of dc2 and dc3 with each other. */
static struct locum_keyring *
keyring_of(size_t self)
{
    static struct locum_keyring *made[2];
    static struct locum_keyring_key public_of[2];
    static const struct locum_secrets private_of[2] = {{.key = {{8}}, .count = 1},
                                                       {.key = {{16}}, .count = 1}};
    static const struct locum_keyring_member members[2] = {{"dc2", &public_of[0], 1},
                                                           {"dc3", &public_of[1], 1}};
    size_t bad;
    for (size_t i = 0; i < 2 && made[self] == NULL; i++) {
        REQUIRE(locum_signature_public(private_of[i].key[0], public_of[i].bytes) == 0);
    }
    REQUIRE(made[self] != NULL || locum_keyring_create(members, 2, self, &private_of[self],
                                                       &secrets, &made[self], &bad) == 0);
    return made[self];
}

static void
check_key(struct locum_slice line)
{
    static char buffer[65536 + LOCUM_KEYRING_BYTES_MAX + 1];
    struct locum_slice opened;
    REQUIRE(locum_keyring_check(keyring_of(1), 0, line, &opened, NULL) !=
            0); /* no key has signed it */
    REQUIRE(opened.at == line.at && opened.length <= line.length);
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_text_add_bytes(&text, line.at, line.length);
    REQUIRE(locum_keyring_sign(keyring_of(0), 3, &text) == 0);
    const struct locum_slice signed_line = {buffer, text.length};
    REQUIRE(locum_keyring_check(keyring_of(1), 0, signed_line, &opened, NULL) == 0);
    REQUIRE(opened.at == buffer && opened.length == line.length);
    REQUIRE(locum_keyring_check(keyring_of(1), 1, signed_line, &opened, NULL) !=
            0); /* as another */
    buffer[(uint8_t)line.at[0] % line.length] ^= 1;
    REQUIRE(locum_keyring_check(keyring_of(1), 0, signed_line, &opened, NULL) != 0);
}

static void
check_core(struct locum_slice line)
{
    static struct locum_core core;
    static struct locum_actions actions;
    struct locum_input event = {
        .kind = LOCUM_INPUT_HEARTBEAT,
        .now = {beginning.mono + 600, beginning.boot + 600, beginning.wall + 600}};
    core = *began();
    for (int path = 0; path < LOCUM_PATHS + 1; path++) {
        event.kind = LOCUM_INPUT_HEARTBEAT;
        event.heartbeat.path = path == 0 ? LOCUM_PATH_REDIS : LOCUM_PATH_UDP;
        event.heartbeat.family = path == 1 ? LOCUM_V4 : LOCUM_V6;
        event.heartbeat.text = line;
        locum_core_step(&core, &event, &actions);
        event.kind = LOCUM_INPUT_COMMIT;
        locum_core_step(&core, &event, &actions);
    }
    for (size_t i = 0; i < core.config.name_count; i++) {
        REQUIRE(core.plan.answers[i][LOCUM_V4].nodes != 0); /* never silent */
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct locum_slice line = {.at = (const char *)data, .length = size};
    if (size > 0 && size <= 65536) {
        check_seal(line);
        check_key(line);
        check_meaning(line);
        check_core(line);
    }
    return 0;
}
