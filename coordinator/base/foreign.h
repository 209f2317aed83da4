/*
 * foreign: text that others wrote (servers, checks, programs) for messages, logs and the status.
 *
 * Whatever a server sends may contain what it was sent: Redis repeats the arguments of a command it
 * does not know. So all such text is added here: it is cut, it cannot break a line, and no secret
 * that this process knows is in it.
 */
#ifndef LOCUM_BASE_FOREIGN_H
#define LOCUM_BASE_FOREIGN_H

#include "base/text.h"

enum {
    LOCUM_FOREIGN_SECRETS_MAX = 32, /* the one that was named longest ago is forgotten */
    LOCUM_FOREIGN_SECRET_BYTES_MAX = 255,
    LOCUM_FOREIGN_PART_BYTES = 8, /* so much of its beginning is hidden too: servers cut */
    LOCUM_FOREIGN_KEY_BYTES = 40, /* so many hex or base64 digits in a row are a key */
};

/* From now on, hide this secret; it is copied. An empty one is ignored. From any thread: the file
 * on the disk is read beside the loop. */
void locum_foreign_hide(struct locum_slice secret);

/*
 * Append: printable ASCII, '?' for the rest, "***" for a secret (in either case of its letters) or
 * a key, and "..." after `max` characters.
 */
void locum_foreign_add(struct locum_text *text, struct locum_slice foreign, size_t max);

#endif
