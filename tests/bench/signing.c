/*
 * signing: what keys of nodes cost for each heartbeat, for tests/bench/cost. Prints three times of
 * CPU in us: to sign a text for one receiver, for each further one, and to check it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/keyring.h"

enum { NODES = 9, ROUNDS = 20000, TEXT_BYTES = 350 };

static struct locum_secrets private_of[NODES];
static struct locum_keyring_key public_of[NODES];
static char names[NODES][LOCUM_KEYRING_NAME_MAX + 1];
static char text[TEXT_BYTES + 1];
static char line[TEXT_BYTES + LOCUM_KEYRING_BYTES_MAX];

static struct locum_keyring *
create(size_t self)
{
    static const struct locum_secrets secrets = {.key = {{1, 2, 3}}, .count = 1};
    struct locum_keyring_member members[NODES];
    struct locum_keyring *keyring = NULL;
    size_t bad;
    for (size_t i = 0; i < NODES; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "dc%zu", i);
        private_of[i].key[0][1] = (uint8_t)(i + 1);
        private_of[i].count = 1;
        if (locum_signature_public(private_of[i].key[0], public_of[i].bytes) != 0) {
            abort();
        }
        members[i] =
            (struct locum_keyring_member){.name = names[i], .keys = &public_of[i], .count = 1};
    }
    if (locum_keyring_create(members, NODES, self, &private_of[self], &secrets, &keyring, &bad) !=
        0) {
        abort();
    }
    return keyring;
}

static double
cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* One signature for the first `count` nodes. */
static double
sign_us(struct locum_keyring *keyring, size_t count)
{
    const double begin = cpu_us();
    for (size_t i = 0; i < ROUNDS; i++) {
        struct locum_text out = locum_text_init(line, sizeof(line));
        locum_text_add_bytes(&out, text, TEXT_BYTES);
        if (locum_keyring_sign(keyring, (1u << count) - 1, &out) != 0) {
            abort();
        }
    }
    return (cpu_us() - begin) / ROUNDS;
}

static double
check_us(struct locum_keyring *keyring)
{
    const struct locum_slice message = locum_slice_of(line);
    struct locum_slice signed_text;
    const double begin = cpu_us();
    for (size_t i = 0; i < ROUNDS; i++) {
        if (locum_keyring_check(keyring, 0, message, &signed_text, NULL) != 0) {
            abort();
        }
    }
    return (cpu_us() - begin) / ROUNDS;
}

int
main(void)
{
    struct locum_keyring *sender = create(0);
    struct locum_keyring *receiver = create(1);
    memset(text, 'a', TEXT_BYTES);
    const double one = sign_us(sender, 1);
    const double all = sign_us(sender, NODES);
    (void)printf("%.3f %.3f %.3f\n", one, (all - one) / (NODES - 1), check_us(receiver));
    locum_keyring_destroy(sender);
    locum_keyring_destroy(receiver);
    return 0;
}
