/*
 * user: look at files with the eyes of another user, for commands that root runs and a service of
 * less rights has to follow.
 */
#ifndef LOCUM_BASE_USER_H
#define LOCUM_BASE_USER_H

#include <stdbool.h>

/* The user of the units (deploy/). */
#define LOCUM_USER_SERVICE "locum"

/*
 * Take the rights of the user `name`, if this process is root's and there is such a user. For
 * programs of one thread. False: nothing has changed.
 */
bool locum_user_become(const char *name);

/* Be root again, after locum_user_become() was true. */
void locum_user_return(void);

#endif
