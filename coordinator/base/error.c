#include "base/error.h"

#include <errno.h>

const char *
locum_error_text(int code)
{
    static const char *const texts[] = {
        [-LOCUM_OK] = "ok",
        [-LOCUM_ERR_MEMORY] = "out of memory",
        [-LOCUM_ERR_INVALID] = "malformed",
        [-LOCUM_ERR_RANGE] = "out of range",
        [-LOCUM_ERR_SPACE] = "no space left",
        [-LOCUM_ERR_SIGNATURE] = "no accepted secret made this signature",
        [-LOCUM_ERR_DENIED] = "permission denied",
        [-LOCUM_ERR_NOT_FOUND] = "not found",
        [-LOCUM_ERR_IN_USE] = "address already in use",
        [-LOCUM_ERR_UNREACHABLE] = "unreachable",
        [-LOCUM_ERR_TIMEOUT] = "timed out",
        [-LOCUM_ERR_PROTOCOL] = "protocol error",
        [-LOCUM_ERR_REFUSED] = "refused",
        [-LOCUM_ERR_IO] = "input/output error",
    };
    return code <= 0 && code >= LOCUM_ERR_IO ? texts[-code] : "unknown error";
}

int
locum_error_from_errno(int errno_value)
{
    /* clang-format off */
    switch (errno_value) {
    case 0:             return LOCUM_OK;
    case ENOMEM:        return LOCUM_ERR_MEMORY;
    case EINVAL:        return LOCUM_ERR_INVALID;
    case ERANGE:        return LOCUM_ERR_RANGE;
    case ENOSPC:
    case EDQUOT:        return LOCUM_ERR_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:         return LOCUM_ERR_DENIED;
    case ENOENT:
    case ENOTDIR:       return LOCUM_ERR_NOT_FOUND;
    case EADDRINUSE:    return LOCUM_ERR_IN_USE;
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL: return LOCUM_ERR_UNREACHABLE;
    case ETIMEDOUT:     return LOCUM_ERR_TIMEOUT;
    default:            return LOCUM_ERR_IO;
    }
    /* clang-format on */
}

bool
locum_error_is_lack(int errno_value)
{
    return errno_value == EMFILE || errno_value == ENFILE || errno_value == ENOMEM ||
           errno_value == ENOBUFS || errno_value == EAGAIN || errno_value == ECANCELED;
}
