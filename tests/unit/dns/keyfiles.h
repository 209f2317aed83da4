/*
 * keyfiles: keys of the zone example. as ldns-keygen 1.8.3 and dnssec-keygen 9.18 wrote them, and a
 * folder for them.
 */
#ifndef LOCUM_TESTS_DNS_KEYFILES_H
#define LOCUM_TESTS_DNS_KEYFILES_H

#include "fixture.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dns/dnskey.h"

struct key_file {
    const char *name; /* without .key and .private */
    uint8_t algorithm;
    uint16_t tag, flags;
    const char *record, *private_half;
};

static const struct key_file key_files[] = {
    {"Kexample.+008+13334", 8, 13334, 257,
     "; This is a key-signing key, keyid 13334, for example.\n"
     "; Created: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Publish: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Activate: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "example. IN DNSKEY 257 3 8 AwEAAcyYTz2PfjMdEiyzEwyAw/mqpn9QLtM6KTE+UDZloy4srhalu7Z/ "
     "qbMF0ttqrzVayDFF6dPeCYxmyKPoIVRfngj04HrQ6StvqioD/77qXRom "
     "FtwgH5noMQ+oILdTbZUks1t3kqanXJfhb21l+OEP7yF2tII1q68dx8X7 "
     "/L0ONN22CyZoXwSm9oVMPsYbyrF04MD2j3tNDxZtOZSB5VbI4HSDdfuB "
     "MjIjZV0omh4D71h+SDRAocQws3/jVFphDlkRjxh76LRnfhrE30gWjmos "
     "MYXNu8wEuQsG44tInt86JZnHzXQtULfnW1lwYTU7zEVvfWsNJAckbxIm NFKpBth2VO8=\n",
     "Private-key-format: v1.3\n"
     "Algorithm: 8 (RSASHA256)\n"
     "Modulus: "
     "zJhPPY9+Mx0SLLMTDIDD+aqmf1Au0zopMT5QNmWjLiyuFqW7tn+pswXS22qvNVrIMUXp094JjGbIo+ghVF+"
     "eCPTgetDpK2+qKgP/vupdGiYW3CAfmegxD6ggt1NtlSSzW3eSpqdcl+FvbWX44Q/"
     "vIXa0gjWrrx3Hxfv8vQ403bYLJmhfBKb2hUw+xhvKsXTgwPaPe00PFm05lIHlVsjgdIN1+"
     "4EyMiNlXSiaHgPvWH5INEChxDCzf+NUWmEOWRGPGHvotGd+GsTfSBaOaiwxhc27zAS5Cwbji0ie3zolmcfNdC1Qt+"
     "dbWXBhNTvMRW99aw0kByRvEiY0UqkG2HZU7w==\n"
     "PublicExponent: AQAB\n"
     "PrivateExponent: "
     "EOOZ1vkbb9i8gVgfAG84vklqCSRzWRh6Agik0ni9abhifpgb0MrlFVQrvdUmtX7S+"
     "85LqSOxIhfyBCXLao2iHBcq2LiaJu3G3EUMPZRXLytpw64bLbdPJX25hairaR5od+p8/"
     "qjeKeOAMUWzr9CC6v5DlGQd0gzhSuSsTmb30j1pBGfO8sIwAUbTUARABglfyYO6pyxrW9u1mwFaGaN0fS8+"
     "f9kru2xmOUWT7mP9nGFNKwA/IWU/A1CXK3R/LOlTEWpacoqEKAxBSBxTQ/"
     "CH2yJwRsY5Jb5uqc6kSbcG311sNyGouv+lVJhD+xenUBBZhaA5D1eMtHqY6X1VSKkyIQ==\n"
     "Prime1: "
     "8QQWARG5OKNN2Zxwe/+DhPu+IVKZCBKg+zoZ2wNAGRiAxLLETj9/"
     "Z3KiWn0GjAnqbM5zO4aj7X8+itUQFAdn5p3Swe6sC+"
     "HqXNT4ouO0Us02oB1qHBNIH7ptNtKBCTqrqj1zdxYRzAys0WFDvI0tzOKBUVpKEzTavDnnHMuvN1k=\n"
     "Prime2: "
     "2VCPuVgLbCO6mvkLjc5c+"
     "NR69Dh1ESDNNyBxEswIEBtiY1gVxt2Hnd9dx9ESBO8LB5R8wqAlgJrsyPNl3QI8iijTLYtLQ+"
     "qpbGGgjVisHucLWncfHLuTBax0JnKWceg6iWX1AaIx6ZMZqBYLcX7rxsZbnnRrP/HFHBpa0K/RrYc=\n"
     "Exponent1: "
     "md9i8QHQwAE6pbED+5Zw8EkM5RdnzkiecGZytWoI1TzYkTwUqmRNwczlLGJf+"
     "K4n9ZmE5j8aj3lKg7Ztkmv8ALdIJDptqxRr3SK3Lr+zk52iv2yoHw6MYH1UVsjkSvEjQggDnMcBS8XX28F+"
     "TnXQBNujdj3vxv1anQtWqwK7ddk=\n"
     "Exponent2: "
     "yb5BfzZefEj7Dq3PbRk8NIDFmH3lKD6EZP4IGwQxJArYHxQCO3kjUouvuzW7fbsRSTsvS1tzFV4+Hhvf3/"
     "oYi8Z0rh5XhDiQip5jd3TvbUzevGBEEN+OEMFVnu/X/O0zkqSFfLu/jHDUa7fzbaz/Y6x4F7VKb7WaYImS75OZm3c=\n"
     "Coefficient: "
     "12lzTDgXUfkgwGlVbhOrDKiAtNYDIwLPIAjO0d/SbVUWZoTVXe57QWM8cIvSXch8Yk++mdK4HCQS3MW3yv9GGDapBp2/"
     "GPJwRW7tDbAgIemTlAkBr/z8UHc1D26ssZWKVnazGialu9P9cxnbLLwAqX2VUN9+JsRprUp8kbGq0W4=\n"
     "Created: 20261129192813\n"
     "Publish: 20261129192813\n"
     "Activate: 20261129192813\n"},
    {"Kexample.+008+33286", 8, 33286, 257,
     "example.	IN	DNSKEY	257 3 8 "
     "AwEAAanLkP9X3D8Y9l4Bb5oAD3EszYCJvjwjTHdLh618AH/sAn/"
     "3tltlA4iwIkghz2yTPYIsatG21yXw37FLGEMIlCJrWvIrghdvKDba3rk/"
     "b3cBfPo0fKhvNrWl+H+VCtsaw9T7tGVlV+bjjYRVJu5Ve27J5wlNSqszXRoBoaHW7QH9 ;{id = 33286 (ksk), "
     "size = 1024b}\n",
     "Private-key-format: v1.2\n"
     "Algorithm: 8 (RSASHA256)\n"
     "Modulus: "
     "qcuQ/1fcPxj2XgFvmgAPcSzNgIm+PCNMd0uHrXwAf+wCf/"
     "e2W2UDiLAiSCHPbJM9gixq0bbXJfDfsUsYQwiUImta8iuCF28oNtreuT9vdwF8+"
     "jR8qG82taX4f5UK2xrD1Pu0ZWVX5uONhFUm7lV7bsnnCU1KqzNdGgGhodbtAf0=\n"
     "PublicExponent: AQAB\n"
     "PrivateExponent: "
     "jd+yQClBttc8xD+e6Ka0QHSXIZf2hHlaIzPRInxCTqD9Vb+9d5Bn64aAnpThpG9DLcm/"
     "V4vXKbSitJlypFA+tUab71+"
     "MkCEffU64hd30nX1lgRbauBAQd66MVkWibbbUHuGtnhYq4y3Hlu3zVDNVH2MBeqh2qo0uVHuIDM5QKWE=\n"
     "Prime1: "
     "3vM+GiNx+WuAlBSZ5HQ55Tto0KmF7CgpXqe4OhMEDSSUGKudEVeHVp+n8Zz04VYuFo1PRACuFloSCbo/RjkQJw==\n"
     "Prime2: "
     "wvcj4FILT0rM380hYdBc2ms89XDalF7PAQXh3MdaxMJYTyw9CNLjmvDn2DcMru5zHVY42V+9vZBkyQ7zwgwPOw==\n"
     "Exponent1: "
     "L5J3jdxCVZY6uV4r+DNUpzUmCGAj02A+c5QWG04zbxp+/0SfHzQuDK3EiCmVlv9sliNQ5pG+k8ZkUu8K0VEbwQ==\n"
     "Exponent2: "
     "F77eAb48XmXv2foz7KPiC0AwZnxeQt/hOnCq96bYKUq6UrpCnMaCriZVNoJN6yhjoNkVh3QfuezSOaK2kZXCbQ==\n"
     "Coefficient: "
     "MgFQofmdu7iS1/6Kraqo2laejfhC+dsFkKyDCNpzqyc0lI+1pez/t4ziRFfgCn7OCfxsQNdlgO9cAZ+DY3qXHw==\n"},
    {"Kexample.+013+02492", 13, 2492, 256,
     "; This is a zone-signing key, keyid 2492, for example.\n"
     "; Created: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Publish: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Activate: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "example. IN DNSKEY 256 3 13 ZP6n8MUOPRnaaQVu1YXBn5kqHcMxA3LLA+7EE9jgJptJ9muNR8t0XA2P "
     "pFjURSsrh92hFTVuQlL8FdPLA8vF+w==\n",
     "Private-key-format: v1.3\n"
     "Algorithm: 13 (ECDSAP256SHA256)\n"
     "PrivateKey: BowT3VFb5rzt2VBxG151Wik0KwHlCVIqNDwUR3N4nbs=\n"
     "Created: 20261129192813\n"
     "Publish: 20261129192813\n"
     "Activate: 20261129192813\n"},
    {"Kexample.+013+15605", 13, 15605, 257,
     "; This is a key-signing key, keyid 15605, for example.\n"
     "; Created: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Publish: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Activate: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "example. IN DNSKEY 257 3 13 qjaRfHiD/DbToaRtEgBL8scqKfVo25uvf73XCssTFNc9m7jJMGuzaiAc "
     "paCnogKJU/n5aTGn7KQV1MWgdESAjQ==\n",
     "Private-key-format: v1.3\n"
     "Algorithm: 13 (ECDSAP256SHA256)\n"
     "PrivateKey: 3UIyfOk6cT9pcdN7B8aW0t9JxeZQznvLaklQfoJ7718=\n"
     "Created: 20261129192813\n"
     "Publish: 20261129192813\n"
     "Activate: 20261129192813\n"},
    {"Kexample.+013+45571", 13, 45571, 257,
     "example.	IN	DNSKEY	257 3 13 "
     "+Numd1uF9nGFwnJKqv5M22vQdFh5Ri05klWKFRnePiZ4Q3Q5C60VYeQWTPxo7Y4rFhGbxkU1Wxf9l0tS6twWCQ== "
     ";{id = 45571 (ksk), size = 256b}\n",
     "Private-key-format: v1.2\n"
     "Algorithm: 13 (ECDSAP256SHA256)\n"
     "PrivateKey: OZUmhDANW2u7LjB5wCKtKrlCDJWGDDAs1cgC0EuwQbM=\n"},
    {"Kexample.+014+39371", 14, 39371, 257,
     "; This is a key-signing key, keyid 39371, for example.\n"
     "; Created: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Publish: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Activate: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "example. IN DNSKEY 257 3 14 PS20HoT2cKzvAzKpX8C4QfSKkibDPu16AqG3vDI+uCFR/KNZBezBmaRo "
     "nf2XrE1mHavj1qGQhcBQ0Zj09zkdqoKJccWHdmA/iIhwFaRrM8OCyN/V eO/L5XMqwsbh6yEB\n",
     "Private-key-format: v1.3\n"
     "Algorithm: 14 (ECDSAP384SHA384)\n"
     "PrivateKey: FBw9yoFm5lPz5hj7YUFL2TDTNeGynMgyn6Lns9RFTbN3L94jLVgo8+a537Xdw38c\n"
     "Created: 20261129192813\n"
     "Publish: 20261129192813\n"
     "Activate: 20261129192813\n"},
    {"Kexample.+014+49140", 14, 49140, 256,
     "; This is a zone-signing key, keyid 49140, for example.\n"
     "; Created: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Publish: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Activate: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "example. IN DNSKEY 256 3 14 FreOQzejbLCjDfaM7A2xmTR0RIY6OSJTm+RRk6epGVKLmBUx1UMIV1/7 "
     "ONRf9r78OmYSgFmc1suTZDuup0ZppKxvCm0rkIbvSqIw22d6AduLBAG4 6ct5UyMHubEii+aY\n",
     "Private-key-format: v1.3\n"
     "Algorithm: 14 (ECDSAP384SHA384)\n"
     "PrivateKey: ZUm1ehjhvCnKrRaRg/gG/NJ1DPsS8t5n3SvMzVtP+n9/3ti/vHXnsN89egkgZj8V\n"
     "Created: 20261129192813\n"
     "Publish: 20261129192813\n"
     "Activate: 20261129192813\n"},
    {"Kexample.+014+59841", 14, 59841, 257,
     "example.	IN	DNSKEY	257 3 14 "
     "LfikKo6e6F51ETv/YhJFGgkzg/TcKvGVcVJ/"
     "09VNjn1aTg2Mi5YjkdHpSjE5E0+TUPzuiLTxjj+s6KPsksHKpGAO0CrsjAhc/4sX/bKYlbJrExkh4v/faoCwZaYjxdIT "
     ";{id = 59841 (ksk), size = 384b}\n",
     "Private-key-format: v1.2\n"
     "Algorithm: 14 (ECDSAP384SHA384)\n"
     "PrivateKey: +JnpYYxeWbyh7lxoAgih864oDgW9YMh2oTPMwqofBEX9DKfIMnMzhGNXrjblKM1A\n"},
    {"Kexample.+015+47103", 15, 47103, 256,
     "; This is a zone-signing key, keyid 47103, for example.\n"
     "; Created: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Publish: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Activate: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "example. IN DNSKEY 256 3 15 ZlEtIlaZpXVU+8OaELHYbWRZZvr6Vm0lbsmVto7wXHg=\n",
     "Private-key-format: v1.3\n"
     "Algorithm: 15 (ED25519)\n"
     "PrivateKey: lTqXH6AV7z4jLU05rq8R0KzKNput9W0j16Ob4th/IhI=\n"
     "Created: 20261129192813\n"
     "Publish: 20261129192813\n"
     "Activate: 20261129192813\n"},
    {"Kexample.+015+55702", 15, 55702, 257,
     "; This is a key-signing key, keyid 55702, for example.\n"
     "; Created: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Publish: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "; Activate: 20261129192813 (Sun Nov 29 19:28:13 2026)\n"
     "example. IN DNSKEY 257 3 15 sHFrvsyG1sh4HwtVgNQ34isagLz0q5lgnO2wxWto5tw=\n",
     "Private-key-format: v1.3\n"
     "Algorithm: 15 (ED25519)\n"
     "PrivateKey: V0oiBgT2M6q9Coxx2DLKc1TxrCRzj1kBZSMsiZHSikQ=\n"
     "Created: 20261129192813\n"
     "Publish: 20261129192813\n"
     "Activate: 20261129192813\n"},
    {"Kexample.+015+56601", 15, 56601, 257,
     "example.	IN	DNSKEY	257 3 15 yuoj3OFXLN7bFAGR5x3XX12/c4TTOxn7LKBL9DS+1Rs= ;{id = 56601 "
     "(ksk), size = 256b}\n",
     "Private-key-format: v1.2\n"
     "Algorithm: 15 (ED25519)\n"
     "PrivateKey: rzjkjoMmkMZH9v49YlPNj/JbQ7Qc/O4HpAfZroj8NRs=\n"},
};
enum { KEY_FILES = sizeof(key_files) / sizeof(key_files[0]), KEY_FILES_P256 = 2 };

static inline const struct key_file *
key_file_of(uint16_t tag)
{
    size_t i = 0;
    while (key_files[i].tag != tag) {
        i++;
    }
    return &key_files[i];
}

struct key_folder {
    char path[64];
    struct locum_dnskeys keys; /* as read last */
    char problems[8][1024];    /* without the folder */
    size_t problem_count;
};

static inline void
key_folder_init(struct key_folder *self)
{
    *self = (struct key_folder){.path = "/tmp/locum-keys-XXXXXX"};
    assert_non_null(mkdtemp(self->path));
}

static inline void
key_folder_put(const struct key_folder *self, const char *name, const char *end, const char *text,
               mode_t mode)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s%s", self->path, name, end);
    (void)unlink(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* Both files of a key. */
static inline void
key_folder_add(const struct key_folder *self, const struct key_file *file)
{
    key_folder_put(self, file->name, ".key", file->record, 0644);
    key_folder_put(self, file->name, ".private", file->private_half, 0640);
}

static inline void
key_folder_note(void *user, const char *text)
{
    struct key_folder *self = user;
    assert_true(self->problem_count < 8);
    assert_memory_equal(text, self->path, strlen(self->path));
    text += strlen(self->path);
    strncpy(self->problems[self->problem_count++], text, sizeof(self->problems[0]) - 1);
}

static inline int
key_folder_read(struct key_folder *self)
{
    ldns_rdf *apex = ldns_dname_new_frm_str("example.");
    locum_dnskey_fini(&self->keys);
    self->problem_count = 0;
    const int status = locum_dnskey_read(self->path, apex, key_folder_note, self, &self->keys);
    ldns_rdf_deep_free(apex);
    return status;
}

static inline void
key_folder_fini(struct key_folder *self)
{
    char command[128];
    locum_dnskey_fini(&self->keys);
    (void)snprintf(command, sizeof(command), "rm -r %s", self->path);
    assert_int_equal(system(command), 0);
}

#endif
