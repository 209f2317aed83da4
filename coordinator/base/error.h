/*
 * error: the one table of error codes. Functions return 0 or one of these (all negative); outputs
 * are untouched on failure. errno is mapped where the system call is made.
 */
#ifndef LOCUM_BASE_ERROR_H
#define LOCUM_BASE_ERROR_H

#include <stdbool.h>

enum locum_error {
    LOCUM_OK = 0,
    LOCUM_ERR_MEMORY = -1,      /* out of memory */
    LOCUM_ERR_INVALID = -2,     /* malformed input */
    LOCUM_ERR_RANGE = -3,       /* a number or length outside its limits */
    LOCUM_ERR_SPACE = -4,       /* does not fit into the caller's buffer, or the disk is full */
    LOCUM_ERR_SIGNATURE = -5,   /* no accepted secret made this signature */
    LOCUM_ERR_DENIED = -6,      /* permission denied */
    LOCUM_ERR_NOT_FOUND = -7,   /* no such file, name or node */
    LOCUM_ERR_IN_USE = -8,      /* address already in use */
    LOCUM_ERR_UNREACHABLE = -9, /* refused, reset, no route, address not of this host */
    LOCUM_ERR_TIMEOUT = -10,    /* our deadline has passed */
    LOCUM_ERR_PROTOCOL = -11,   /* the other side broke its protocol */
    LOCUM_ERR_REFUSED = -12,    /* understood but not done: see its message */
    LOCUM_ERR_IO = -13,         /* any other system error */
};

/* The text of a code, e.g. "address already in use". Static, never NULL. */
const char *locum_error_text(int code);

/* This errno means that this machine lacks descriptors, memory or processes, or that the program
 * is being replaced (process.h): what was tried was not done, and says nothing about its target. */
bool locum_error_is_lack(int errno_value);

/* The code for an errno value. */
int locum_error_from_errno(int errno_value);

#endif
