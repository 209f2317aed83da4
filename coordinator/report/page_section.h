/*
 * page_section: the sections of the status page, one function each. For page*.c only.
 */
#ifndef LOCUM_REPORT_PAGE_SECTION_H
#define LOCUM_REPORT_PAGE_SECTION_H

#include "report/events.h"
#include "report/page_part.h"
#include "report/report.h"

void locum_page_section_nodes(struct locum_page *page);
void locum_page_section_answers(struct locum_page *page);
void locum_page_section_next_loss(struct locum_page *page);
void locum_page_section_checks(struct locum_page *page);
void locum_page_section_certificates(struct locum_page *page);
void locum_page_section_sentinels(struct locum_page *page);
/* Nothing before the history has begun. */
void locum_page_section_timeline(struct locum_page *page, const struct locum_report *report);
void locum_page_section_events(struct locum_page *page, const struct locum_events *events);

#endif
