/*
 * row: the columns of a schema row by short names, for the two files that hold a table: keys.c and
 * nsd-adapter/settings.c. Not for other headers.
 */
#ifndef LOCUM_CONFIG_ROW_H
#define LOCUM_CONFIG_ROW_H

#include "config/config.h"
#include "config/schema.h"

/* In milliseconds, for durations. */
#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24LL * HOUR)

/* What a value, or each item, looks like. */
#define KIND(what, least, most) .kind = LOCUM_KIND_##what, .min = (least), .max = (most)
#define TEXT(least, most)       KIND(TEXT, least, most)
#define NAME(most)              KIND(NAME, 1, most)
#define SECRET(most)            KIND(SECRET, 1, most)
#define HOST                    KIND(HOST, 1, LOCUM_HOST_MAX)
#define DOMAIN                  KIND(DOMAIN, 1, LOCUM_DOMAIN_MAX)
#define PATH(most)              KIND(PATH, 1, most)
#define URL                     KIND(URL, 1, LOCUM_STRING_MAX)
#define PATTERN                 KIND(PATTERN, 1, LOCUM_PATTERN_MAX)
#define CHOICE(list)            .kind = LOCUM_KIND_CHOICE, .words = (list)
#define EITHER(list)            .kind = LOCUM_KIND_FLAG, .words = (list)
#define FLAG                    EITHER("false true")
#define NUMBER(least, most)     KIND(NUMBER, least, most)
#define PORT                    KIND(PORT, 1, 65535)
#define STATUS                  KIND(STATUS, 100, 599)
#define DURATION(least, most)   KIND(DURATION, least, most)
#define SECONDS(least, most)    KIND(SECONDS, least, most)
#define ENDPOINT                KIND(ENDPOINT, 0, 0)
#define ADDRESS                 KIND(ADDRESS, 0, 0)
#define ADDRESS_OR(port)        KIND(ADDRESS, port, port) /* its port where none is written */
#define IP                      KIND(IP, 0, 0)
#define PREFIX                  KIND(PREFIX, 0, 0)
#define NODE                    KIND(NODE, 0, 0)
#define KEY                     KIND(KEY, 0, 0)

/* How values are arranged; without this column: one value. */
#define SHAPE(what, least, most)                                                                   \
    .shape = LOCUM_SHAPE_##what, .items_min = (least), .items_max = (most)
#define LIST(least, most)         SHAPE(LIST, least, most)
#define LIST_OR_NONE(least, most) SHAPE(LIST_OR_NONE, least, most)
#define LISTS(least, most)        SHAPE(LISTS, least, most)
#define VALUES(least, most)       SHAPE(VALUES, least, most)
#define MAP                       .shape = LOCUM_SHAPE_MAP
#define NAMED_MAPS(least, most)   SHAPE(NAMED_MAPS, least, most)
#define MAPS(least, most)         SHAPE(MAPS, least, most)

/* What holds where the key is not written. */
#define REQUIRED      .rule = LOCUM_RULE_REQUIRED
#define DEFAULT(text) .rule = LOCUM_RULE_DEFAULT, .fallback = (text)
#define DERIVED(text) .rule = LOCUM_RULE_DERIVED, .fallback = (text)
#define NONE          .rule = LOCUM_RULE_NONE

/* A list of texts that are stored apart. */
#define APART .apart = true

/* Where it is stored; without this column the binder only checks it. */
#define STORED(type, member) .stored = true, .offset = offsetof(type, member)

#endif
