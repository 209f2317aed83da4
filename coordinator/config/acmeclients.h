/*
 * acmeclients: accounts of acme-dns, a server whose protocol many ACME clients speak. Each name has
 * one; nothing is registered.
 */
#ifndef LOCUM_CONFIG_ACMECLIENTS_H
#define LOCUM_CONFIG_ACMECLIENTS_H

#include "config/config.h"

enum { LOCUM_ACMECLIENTS_SUBDOMAIN_MAX = 36 };

/* The `subdomain` of an owner of challenges, "_acme-challenge.NAME": the same on every node. It has
 * the form of a UUID, which some clients expect. */
void locum_acmeclients_subdomain(const char *owner, char ret[LOCUM_ACMECLIENTS_SUBDOMAIN_MAX + 1]);

#endif
