/*
 * fuzz_secret: a secret file. An accepted file gives the secrets of its lines; the error of a
 * refused file names the reason. A file with private keys is read alike.
 */
#include "folder.h"

#include "base/signature.h"
#include "base/text.h"

const unsigned fuzz_mutations = 4000;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char reason[512];
    char lines[LOCUM_SECRETS_MAX * (2 * LOCUM_SECRET_BYTES + 1) + 1];
    struct locum_secrets secrets;
    struct locum_secrets again;
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    struct locum_text text = locum_text_init(lines, sizeof(lines));
    const char *path = write_own("secret", data, size);
    if (locum_signature_read_secrets(path, &secrets, &why) != 0) {
        REQUIRE(why.length > 0 && strchr(reason, '\n') == NULL);
        why = locum_text_init(reason, sizeof(reason));
        REQUIRE(locum_signature_read_keys(path, &secrets, &why) != 0);
        REQUIRE(why.length > 0 && strchr(reason, '\n') == NULL);
        return 0;
    }
    REQUIRE(locum_signature_read_keys(path, &again, &why) == 0);
    REQUIRE(again.count == secrets.count &&
            memcmp(again.key, secrets.key, secrets.count * LOCUM_SECRET_BYTES) == 0);
    REQUIRE(secrets.count >= 1 && secrets.count <= LOCUM_SECRETS_MAX);
    for (size_t i = 0; i < secrets.count; i++) {
        locum_text_add_hex(&text, secrets.key[i], LOCUM_SECRET_BYTES);
        locum_text_add_char(&text, '\n');
    }
    REQUIRE(locum_signature_read_secrets(write_own("secret", lines, text.length), &again, &why) ==
            0);
    REQUIRE(again.count == secrets.count);
    REQUIRE(memcmp(again.key, secrets.key, secrets.count * LOCUM_SECRET_BYTES) == 0);
    return 0;
}
