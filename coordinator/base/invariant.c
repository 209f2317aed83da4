#include "base/invariant.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

void
locum_invariant_failed(const char *message)
{
    static char before[] = "locum: invariant failed: ";
    static char after[] = "\n";
    /* struct iovec takes pointers to non-const; writev(2) only reads. */
    const struct iovec parts[] = {
        {.iov_base = before, .iov_len = sizeof(before) - 1},
        {.iov_base = (char *)message, .iov_len = strlen(message)},
        {.iov_base = after, .iov_len = 1},
    };
    (void)!writev(STDERR_FILENO, parts, LOCUM_COUNT(parts));
    __builtin_trap();
}
