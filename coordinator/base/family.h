/*
 * family: the two address families. Separate from address.h, so that core/ may use it.
 */
#ifndef LOCUM_BASE_FAMILY_H
#define LOCUM_BASE_FAMILY_H

enum locum_family { LOCUM_V4, LOCUM_V6 };
enum { LOCUM_FAMILIES = 2 };

#endif
