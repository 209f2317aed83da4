/*
 * page: the status page, GET / of listen.http, of the control socket and of listen.status.
 *
 * One HTML document without any other file. It has all facts without JavaScript; page.js keeps it
 * up to date and says when the daemon does not answer. It shows what GET /status, GET /events and
 * the history say, and derives nothing itself. Style sheet and script are page.css and page.js,
 * which the Makefile turns into page_files.c, with their hashes for the Content-Security-Policy.
 *
 *   page.c           the document: verdict, warnings, order of the sections
 *   page_part.c      states, lists
 *   page_nodes.c     a card for each node
 *   page_timeline.c  the last 24 hours
 *   page_tables.c    answers, checks, Sentinels, events, what one more loss would cost
 *
 * Limits: LOCUM_PAGE_BYTES_MAX. A list that is too long for its share of them ends with the number
 * of items that are left out.
 */
#ifndef LOCUM_REPORT_PAGE_H
#define LOCUM_REPORT_PAGE_H

#include "report/report.h"

enum { LOCUM_PAGE_BYTES_MAX = 1024 * 1024 };

/*
 * Who reads it. Everyone (listen.status): servers, answers and their states; nothing of witnesses,
 * Redis, Sentinels, checks, warnings, events and operators.
 */
enum locum_page_readers { LOCUM_PAGE_OPERATORS, LOCUM_PAGE_EVERYONE };

/* The document. Freed by the caller; NULL: out of memory. */
char *locum_page_make(const struct locum_report *report, enum locum_page_readers readers);

/* Its Content-Security-Policy. Static. */
const char *locum_page_policy(void);

#endif
