/*
 * fuzz_chain: names in wire form, any bytes in their labels. Their order is ldns', of the names in
 * a chain exactly one NSEC record matches or covers each name, and ldns agrees that it does.
 *
 * Input: one after the other; of a length byte 6 bits count. The last one is searched.
 */
#include "fuzz.h"

#include <string.h>

#include "dns/chain.h"

const unsigned fuzz_mutations = 20000;

enum { NAMES_MAX = 24 };
static const uint8_t apex[] = {1, 'x', 0};

/* Read a name, at the apex or below it. False: the input is at its end. */
static bool
read_name(const uint8_t **data, size_t *size, ldns_rdf **ret)
{
    uint8_t name[LOCUM_DNS_NAME_MAX];
    size_t length = 0;
    if (*size == 0) {
        return false;
    }
    while (*size > 0) {
        const size_t label = (*data)[0] & 63u;
        if (label == 0 || label >= *size || length + 1 + label + sizeof(apex) > sizeof(name)) {
            ++*data, --*size;
            break;
        }
        name[length] = (uint8_t)label;
        memcpy(name + length + 1, *data + 1, label);
        length += 1 + label;
        *data += 1 + label;
        *size -= 1 + label;
    }
    memcpy(name + length, apex, sizeof(apex));
    *ret = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, length + sizeof(apex), name);
    return true;
}

static int
sign_of(int number)
{
    return (number > 0) - (number < 0);
}

/* ldns compares names in lower case only. */
static void
compare_order(const ldns_rdf *a, const ldns_rdf *b)
{
    struct locum_chain_key a_key, b_key;
    ldns_rdf *a_lower = ldns_rdf_clone(a);
    ldns_rdf *b_lower = ldns_rdf_clone(b);
    ldns_dname2canonical(a_lower);
    ldns_dname2canonical(b_lower);
    locum_chain_key_of(ldns_rdf_data(a), ldns_rdf_size(a), &a_key);
    locum_chain_key_of(ldns_rdf_data(b), ldns_rdf_size(b), &b_key);
    REQUIRE(sign_of(locum_chain_key_compare(&a_key, &b_key)) ==
            sign_of(ldns_dname_compare(a_lower, b_lower)));
    ldns_rdf_deep_free(a_lower);
    ldns_rdf_deep_free(b_lower);
}

static void
check_search(const struct locum_chain *chain, ldns_rdf *name)
{
    const struct locum_chain_place place =
        locum_chain_search(chain, ldns_rdf_data(name), ldns_rdf_size(name));
    size_t found = 0;
    ldns_dname2canonical(name);
    for (size_t i = 0; i < locum_chain_count(chain); i++) {
        ldns_rr *nsec = locum_chain_nsec(chain, i, 0);
        const bool matches = ldns_dname_compare(ldns_rr_owner(nsec), name) == 0;
        if (matches || ldns_nsec_covers_name(nsec, name)) {
            found++;
            REQUIRE(i == place.at && matches == place.matches);
        }
        ldns_rr_free(nsec);
    }
    REQUIRE(found == 1);
    REQUIRE(place.exists || !place.matches);
    REQUIRE(place.encloser_labels >= 1 && place.encloser_labels <= ldns_dname_label_count(name));
    REQUIRE(place.wildcard < locum_chain_count(chain));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ldns_rdf *names[NAMES_MAX];
    size_t count = 0;
    struct locum_chain *chain = locum_chain_create();
    REQUIRE(chain != NULL);
    REQUIRE(locum_chain_add(chain, apex, sizeof(apex), LDNS_RR_TYPE_SOA) == 0);
    while (count < NAMES_MAX && read_name(&data, &size, &names[count])) {
        count++;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        compare_order(names[i], names[i + 1]);
        REQUIRE(locum_chain_add(chain, ldns_rdf_data(names[i]), ldns_rdf_size(names[i]),
                                (uint16_t)(i * 977 + 1)) == 0);
    }
    REQUIRE(locum_chain_close(chain) == 0);
    if (count > 0) {
        check_search(chain, names[count - 1]);
    }
    for (size_t i = 0; i < count; i++) {
        ldns_rdf_deep_free(names[i]);
    }
    locum_chain_destroy(chain);
    return 0;
}
