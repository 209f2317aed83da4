/* The record of a key as text. */
#include <stdlib.h>
#include <string.h>

#include "base/text_format.h"
#include "dns/dnskey.h"

enum { PROTOCOL = 3, BEFORE_BYTES = 32 };

ldns_rr *
locum_dnskey_record(const char *apex, const char *text)
{
    ldns_rr *rr = NULL;
    char *line = malloc(LOCUM_DNSKEY_FILE_BYTES_MAX);
    if (line != NULL) {
        (void)locum_text_format_buffer(line, LOCUM_DNSKEY_FILE_BYTES_MAX, "%s IN DNSKEY %s", apex,
                                       text);
        if (ldns_rr_new_frm_str(&rr, line, 0, NULL, NULL) != LDNS_STATUS_OK) {
            rr = NULL;
        }
    }
    free(line);
    return rr;
}

char *
locum_dnskey_record_text(const struct locum_dnskey *self)
{
    char *key = ldns_rdf2str(ldns_rr_dnskey_key(self->rr));
    const size_t size = key != NULL ? strlen(key) + BEFORE_BYTES : 1;
    char *text = key != NULL ? malloc(size) : NULL;
    if (text != NULL) {
        (void)locum_text_format_buffer(text, size, "%u %d %u %s", self->flags, PROTOCOL,
                                       self->algorithm, key);
    }
    free(key);
    return text;
}
