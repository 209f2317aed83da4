#!/usr/bin/env sh
# DNS API of acme.sh: the value goes to all nodes at once. Copy it to ~/.acme.sh/dnsapi/, then
#
#   acme.sh --issue --dns dns_locum --dnssleep 1 -d get.example.org
#
# It fails if a node that is alive does not have the value: the authority could ask that node.
# Run it as root, or as a member of the group locum-admin.

# dns_locum_add _acme-challenge.get.example.org VALUE
dns_locum_add() {
    locum acme set -- "$1" "$2"
}

# dns_locum_rm _acme-challenge.get.example.org VALUE
dns_locum_rm() {
    locum acme unset -- "$1" "$2"
}
