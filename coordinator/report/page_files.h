/*
 * page_files: page.css and page.js as texts, and "sha256-..." of each. The Makefile makes
 * page_files.c from the two files.
 */
#ifndef LOCUM_REPORT_PAGE_FILES_H
#define LOCUM_REPORT_PAGE_FILES_H

extern const char locum_page_files_css[], locum_page_files_css_hash[];
extern const char locum_page_files_js[], locum_page_files_js_hash[];

#endif
