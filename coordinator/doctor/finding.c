#include "doctor/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"

static const struct locum_doctor_row rows[LOCUM_DOCTOR_KINDS] = {
    [LOCUM_DOCTOR_NO_DELEGATION] =
        {"no-delegation", "The parent has no NS records for the zone.",
         "No resolver finds the zone.",
         "Add the records that `locum delegation` prints to the parent zone."},
    [LOCUM_DOCTOR_PARENT_NS_MISSING] =
        {"parent-ns-missing", "The parent does not list a name server of the configuration.",
         "Resolvers begin with the name servers that the parent lists. While the listed ones are "
         "silent, the zone is lost although this one works.",
         "Add the NS record to the parent zone, or remove the server from `zones[].ns`."},
    [LOCUM_DOCTOR_PARENT_NS_UNKNOWN] =
        {"parent-ns-unknown", "The parent lists a name server that is not in the configuration.",
         "A part of the first lookups goes to a server that may not answer, or may answer with old "
         "data.",
         "Remove the NS record from the parent zone, or add the server to `zones[].ns`."},
    [LOCUM_DOCTOR_NS_TTL] =
        {"ns-ttl",
         "The NS records have another TTL at the parent than in the zone. Judged only if the "
         "parent's name has at least three labels, or two and the last one more than two "
         "letters: others may be registries such as `org` and `co.uk`, which set it.",
         "Some resolvers keep the parent's TTL, others the zone's own. After a change of name "
         "servers the longer one has to be waited for.",
         "Set the TTL of the NS records in the parent zone as `locum delegation` prints it."},
    [LOCUM_DOCTOR_GLUE_MISSING] =
        {"glue-missing", "The parent lacks an address of a name server inside the zone.",
         "The name server's name is inside the zone, so resolvers learn its address from the "
         "parent only.",
         "Add the A or AAAA record to the parent zone, as `locum delegation` prints it."},
    [LOCUM_DOCTOR_GLUE_WRONG] =
        {"glue-wrong", "The parent has another address of a name server than the zone.",
         "Resolvers ask the address that the parent gives, where this name server is not.",
         "Correct the glue in the parent zone, as `locum delegation` prints it, or the address in "
         "`records`."},
    [LOCUM_DOCTOR_ADDRESS_MISSING] =
        {"address-missing", "A name server outside the zone has no address.",
         "Resolvers cannot reach a name server without an address.",
         "Add its A and AAAA records to the zone that its name is in."},
    [LOCUM_DOCTOR_ADDRESS_WRONG] =
        {"address-wrong",
         "A name server whose name is that of a node has an address that the node does not have.",
         "Resolvers ask an address that is not that of the node whose name the server has.",
         "Correct its A and AAAA records in the zone that its name is in, or `nodes.*.address`."},
    [LOCUM_DOCTOR_ROUND_TRIPS] =
        {"round-trips",
         "A resolver that only knows the parent's servers needs more than 3 round trips.",
         "Each round trip delays the first visit by some 10 to 200 ms, and more if a packet is "
         "lost.",
         "Use name servers whose names are in the zone or in the parent zone, so that their "
         "addresses come with the delegation."},
    [LOCUM_DOCTOR_DNS_SILENT] =
        {"dns-silent", "An address of a name server does not answer.",
         "Resolvers wait for this server before they ask the next one, and visitors with them.",
         "Start the coordinator there, and allow UDP and TCP port 53 from everywhere in its "
         "firewall."},
    [LOCUM_DOCTOR_DNS_UDP] = {"dns-udp", "It answers by TCP only.", "Resolvers ask by UDP first.",
                              "Allow UDP port 53 from everywhere in the server's firewall."},
    [LOCUM_DOCTOR_DNS_TCP] =
        {"dns-tcp", "It answers by UDP only.",
         "Resolvers use TCP for long answers and when they doubt an answer by UDP (RFC 7766).",
         "Allow TCP port 53 from everywhere in the server's firewall."},
    [LOCUM_DOCTOR_LAME] =
        {"lame", "It does not answer for the zone with authority.",
         "Resolvers take the server for broken and avoid it for up to 15 minutes.",
         "Let Locum, or the name server that locum-nsd feeds, answer for the zone at this address, "
         "or remove it from the name servers."},
    [LOCUM_DOCTOR_EDNS_BLOCKED] =
        {"edns-blocked", "It answers only questions without EDNS.",
         "Nearly all resolvers use EDNS. They wait for a timeout before they ask without it, or "
         "give up.",
         "Let the firewall before the server pass DNS packets with EDNS (RFC 6891)."},
    [LOCUM_DOCTOR_EDNS_MISSING] =
        {"edns-missing", "It answers without EDNS.",
         "Long answers then need TCP, and DNSSEC is not possible.",
         "Find out which program answers there: Locum and NSD answer with EDNS."},
    [LOCUM_DOCTOR_EDNS_LARGE] =
        {"edns-large", "It does not answer a question of 1232 bytes.",
         "Packets of 1232 bytes are lost on the way: long questions and answers time out.",
         "Allow UDP packets of up to 1280 bytes, and look for a tunnel with a small MTU."},
    [LOCUM_DOCTOR_SOA] =
        {"soa", "Its SOA has other fields than the configuration, apart from the serial.",
         "The server has another configuration, or another program answers there. Serials may "
         "differ between nodes, the other fields may not.",
         "Compare the configuration of that node, and reload it."},
    [LOCUM_DOCTOR_CHILD_NS] =
        {"child-ns", "Its NS records differ from the configuration.",
         "Resolvers prefer the NS records of the zone itself and then ask other servers.",
         "Compare `zones[].ns` of that node, and reload it."},
    [LOCUM_DOCTOR_PERSIST] =
        {"acme-persist", "It has other records for `acme.persist` than the configuration.",
         "An authority asks any of the name servers. It issues no certificate if the record with "
         "the account is missing there.",
         "Compare `zones[].acme` of that node, and reload it."},
    [LOCUM_DOCTOR_NO_DS] =
        {"no-ds", "The configuration signs the zone, but the parent has no DS record for it.",
         "To resolvers the zone is unsigned.",
         "Wait until all servers have signed the zone for an hour; then give the parent what "
         "`locum ds` prints."},
    [LOCUM_DOCTOR_DS_MISMATCH] =
        {"ds-mismatch", "The parent has DS records, but none of a key that signs at a name server.",
         "Resolvers that validate refuse the answers of this server.",
         "Copy the key folder (`zones[].dnssec.keys`) from a node that has the right keys, and run "
         "`locum reload` there; or give the parent what `locum ds` prints."},
    [LOCUM_DOCTOR_UNSIGNED] =
        {"unsigned",
         "A name server answers without signatures, although the configuration signs the zone, or "
         "the parent has its DS.",
         "If the parent has its DS, resolvers that validate refuse the answers of this server.",
         "Give this server the option `dnssec` and the key folder of the others, and run `locum "
         "reload`. If the zone is no longer to be signed, let the parent remove the DS."},
    [LOCUM_DOCTOR_SIGNATURE_BOGUS] =
        {"signature-wrong", "No DNSKEY of a name server verifies a signature that it serves.",
         "Resolvers that validate refuse such an answer.",
         "Look what changes answers on the way, and whether this server is a secondary with an old "
         "zone; run `locum reload` on that node."},
    [LOCUM_DOCTOR_SIGNATURE_TIME] =
        {"signature-time", "A signature has expired, or is not valid yet.",
         "Resolvers that validate refuse such an answer.",
         "Compare the clock of that node (`timedatectl`), look at its log (`publish-failed`), and "
         "run `locum reload` there. Of a secondary: look why it does not load the newest zone."},
    [LOCUM_DOCTOR_SIGNATURE_ENDS] =
        {"signature-ends",
         "A signature should have been renewed a day ago (`refresh`), or ends within a day.",
         "Renewal fails. When the signatures have expired, resolvers that validate refuse all "
         "answers.",
         "Look at the log of that node (`publish-failed`); of a secondary, look why it does not "
         "load the newest zone."},
    [LOCUM_DOCTOR_DNSKEY_DIFFERS] =
        {"dnskey-differs", "Two name servers have different DNSKEY records.",
         "A resolver may check the answers of one server with the keys of the other, and refuses "
         "them.",
         "Copy the `*.key` files, so that the key folders of all nodes have the same, and run "
         "`locum reload` on each."},
    [LOCUM_DOCTOR_NSEC_DIFFERS] =
        {"nsec-differs",
         "Two name servers have different NSEC records; the first 128 are compared.",
         "A resolver may conclude from the records of one server that a name of the other does "
         "not exist.",
         "Compare the names and records of the zone in /etc/locum/locum.yaml of the nodes, and run "
         "`locum reload`."},
    [LOCUM_DOCTOR_RESOLVER_REFUSES] =
        {"resolver-refuses",
         "A resolver answers SERVFAIL for the zone, but not if it is asked without validation "
         "(CD).",
         "Its users do not reach the zone, nor do those of others that validate.",
         "Repair what is found besides. If that is nothing, the resolver may remember older "
         "records, or its clock is wrong: `dig ZONE SOA @RESOLVER` and `delv ZONE SOA`."},
    [LOCUM_DOCTOR_WEB_DEAD] =
        {"web-unreachable",
         "A server that may have to answer for a name does not answer HTTP for it.",
         "If this server has to take the name over, visitors reach nothing.",
         "Start the web server on this address and port, and allow it in the firewall. If the "
         "public URL is another one, give it with --url."},
    [LOCUM_DOCTOR_WEB_HOST] =
        {"web-host", "It answers with an error, or closes the connection, when asked for the name.",
         "A takeover needs a virtual host for the name on every server; without it visitors get "
         "an error although the name leads to a working server.",
         "Add the name to the virtual host of that server (`server_name` of nginx)."},
    [LOCUM_DOCTOR_CERTIFICATE] =
        {"certificate", "Its certificate is not valid for the name.",
         "A takeover needs a certificate for the name on every server; without it browsers refuse "
         "the page.",
         "Install a certificate with this name, from an authority that clients know, on that "
         "server."},
    [LOCUM_DOCTOR_CERTIFICATE_EXPIRED] = {"certificate-expired", "Its certificate has expired.",
                                          "Browsers refuse the page.",
                                          "Renew the certificate on that server, and let the web "
                                          "server load it."},
    [LOCUM_DOCTOR_CERTIFICATE_ENDS] =
        {"certificate-ends", "Its certificate ends within 14 days.",
         "Renewal should have happened by now, so it probably fails.",
         "Look at the log of the ACME client on that server, and that the web server loads new "
         "certificates."},
    [LOCUM_DOCTOR_NODE_DOWN] =
        {"node-down", "A node is not alive, as this node sees it.",
         "One server less can take over names, and one vote less is available.",
         "Look at `locum status`, and at the coordinator on that node."},
    [LOCUM_DOCTOR_NODE_UDP] =
        {"node-udp", "A node is heard through Redis only.",
         "Only Redis carries its heartbeats: while Redis fails over, a crash is not confirmed.",
         "Allow UDP on the peer port (9853) between the public addresses in both firewalls."},
    [LOCUM_DOCTOR_NODE_REDIS] =
        {"node-redis", "A node is heard by UDP only.",
         "Only UDP carries its heartbeats: if that path breaks too, the node is lost.",
         "Look at the line `redis` of `locum status` on that node."},
    [LOCUM_DOCTOR_REDIS] = {"redis", "This node is not connected to Redis.",
                            "Heartbeats have one path less, and Mirrorbits may not work.",
                            "Look at the line `redis` of `locum status`; allow the port of Redis "
                            "between the nodes."},
    [LOCUM_DOCTOR_SENTINEL] = {"sentinel", "A Sentinel is not connected to this node.",
                               "It cannot vote for its site, nor tell who the Redis master is.",
                               "Start the Sentinel, and allow its port between the nodes."},
    [LOCUM_DOCTOR_CLOCK] =
        {"clock", "The clocks of a node and this one differ by more than 5 seconds.",
         "The times of events cannot be compared, and certificates may seem invalid. No decision "
         "depends on it.",
         "Run an NTP client on both nodes."},
    [LOCUM_DOCTOR_CONFIGURATION] =
        {"configuration",
         "The daemon of a node, or of this one, runs with another configuration than the file.",
         "Nodes with different configurations may give different answers.",
         "Compare /etc/locum/locum.yaml of the nodes, and run `locum reload`."},
};

const struct locum_doctor_row *
locum_doctor_finding_row(enum locum_doctor_kind kind)
{
    LOCUM_INVARIANT(kind < LOCUM_DOCTOR_KINDS);
    return &rows[kind];
}

static struct locum_doctor_finding *
find(struct locum_doctor_findings *self, enum locum_doctor_kind kind, const char *zone,
     const char *subject)
{
    for (size_t i = 0; i < self->count; i++) {
        struct locum_doctor_finding *at = &self->at[i];
        if (at->kind == kind && strcmp(at->zone, zone) == 0 && strcmp(at->subject, subject) == 0) {
            return at;
        }
    }
    return NULL;
}

void
locum_doctor_finding_add(struct locum_doctor_findings *self, enum locum_doctor_kind kind,
                         const char *zone, const char *subject, const char *format, ...)
{
    const char *of = zone != NULL ? zone : "";
    struct locum_doctor_finding *same = find(self, kind, of, subject);
    if (same != NULL) {
        same->more++;
        return;
    }
    if (self->count == LOCUM_DOCTOR_FINDINGS_MAX) {
        self->dropped++;
        return;
    }
    struct locum_doctor_finding *at = &self->at[self->count++];
    va_list values;
    *at = (struct locum_doctor_finding){.kind = kind};
    (void)snprintf(at->zone, sizeof(at->zone), "%s", of);
    (void)snprintf(at->subject, sizeof(at->subject), "%s", subject);
    va_start(values, format);
    (void)vsnprintf(at->what, sizeof(at->what), format, values);
    va_end(values);
}

void
locum_doctor_finding_skip(struct locum_doctor_findings *self, const char *format, ...)
{
    if (self->not_examined_count == LOCUM_DOCTOR_FINDINGS_MAX) {
        return;
    }
    char *at = self->not_examined[self->not_examined_count];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(at, LOCUM_DOCTOR_WHAT_MAX, format, values);
    va_end(values);
    for (size_t i = 0; i < self->not_examined_count; i++) {
        if (strcmp(self->not_examined[i], at) == 0) {
            return;
        }
    }
    self->not_examined_count++;
}
