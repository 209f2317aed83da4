/*
 * fuzz_kept: a kept configuration whose digest is right, whatever is in it. A start without a file
 * takes it whole, or refuses it and says why; what it has taken it can keep once more.
 */
#include "folder.h"

#include "base/signature.h"
#include "base/text_format.h"
#include "daemon/fallback.h"

const unsigned fuzz_mutations = 2000;

static const char secret[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
static const char head[] = "locum-kept 1 ";

/* The file that a start without `absolute` looks for. */
static void
write_kept(const char *absolute, const uint8_t *data, size_t size)
{
    char path[LOCUM_KEPT_PATH_MAX];
    uint8_t digest[LOCUM_DIGEST_BYTES];
    const size_t length = sizeof(head) + sizeof(digest) * 2 + size;
    char *bytes = malloc(length + 1);
    REQUIRE(bytes != NULL && locum_kept_path(own_folder(), absolute, path));
    locum_signature_digest((const char *)data, size, digest);
    struct locum_text text = locum_text_init(bytes, length + 1);
    locum_text_add(&text, head);
    locum_text_add_hex(&text, digest, sizeof(digest));
    locum_text_add_char(&text, '\n');
    locum_text_add_bytes(&text, (const char *)data, size);
    REQUIRE(locum_kept_write(path, bytes, text.length) == 0);
    free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool began;
    struct locum_config *config = NULL;
    struct locum_fallback_reason reason;
    struct locum_fallback_file file;
    if (!began) {
        (void)write_own("secret", secret, sizeof(secret) - 1);
        REQUIRE(chdir(own_folder()) == 0 && setenv("STATE_DIRECTORY", own_folder(), 1) == 0);
        REQUIRE(freopen("/dev/null", "w", stderr) != NULL); /* the log */
        began = true;
    }
    write_kept("/nowhere/locum.yaml", data, size);
    if (locum_fallback_start("/nowhere/locum.yaml", true, &config, &reason) == 0) {
        REQUIRE(config->kept && reason.error[0] != '\0');
        REQUIRE(locum_fallback_make(config, 0, &file) == 0);
        REQUIRE(strstr(file.path, "/locum.yaml.") != NULL && file.length > sizeof(head));
        free(file.bytes);
    }
    locum_config_free(config);
    return 0;
}
