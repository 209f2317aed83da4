/*
 * user: look at files with the eyes of another user, for commands that root runs and a service of
 * less rights has to follow.
 */
#ifndef LOCUM_BASE_USER_H
#define LOCUM_BASE_USER_H

/* The users of the units (deploy/): of the coordinator, and of the adapter for NSD. */
#define LOCUM_USER_SERVICE "locum"
#define LOCUM_USER_NSD     "locum-nsd"

enum locum_user_eyes {
    LOCUM_USER_OWN,    /* unchanged: this process is not root's, or there is no such user */
    LOCUM_USER_OTHERS, /* this process has the rights of the user now */
    LOCUM_USER_BLIND,  /* unchanged: that user cannot read `path` */
};

/*
 * Take the rights of the user `name` and of its groups, if this process is root's. For programs of
 * one thread, and for good.
 *
 * group  one more group, as the user's unit gives it; NULL, or no such group: none.
 */
enum locum_user_eyes locum_user_look_as(const char *name, const char *group, const char *path);

#endif
