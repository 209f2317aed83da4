#include "base/error.h"

#include <errno.h>

const char *
locum_error_text(int code)
{
    /* clang-format off */
    switch (code) {
    case LOCUM_OK:              return "ok";
    case LOCUM_ERR_MEMORY:      return "out of memory";
    case LOCUM_ERR_INVALID:     return "malformed";
    case LOCUM_ERR_RANGE:       return "out of range";
    case LOCUM_ERR_SPACE:       return "no space left";
    case LOCUM_ERR_SIGNATURE:        return "no accepted secret made this signature";
    case LOCUM_ERR_DENIED:      return "permission denied";
    case LOCUM_ERR_NOT_FOUND:   return "not found";
    case LOCUM_ERR_IN_USE:      return "address already in use";
    case LOCUM_ERR_UNREACHABLE: return "unreachable";
    case LOCUM_ERR_TIMEOUT:     return "timed out";
    case LOCUM_ERR_PROTOCOL:    return "protocol error";
    case LOCUM_ERR_REFUSED:     return "refused";
    case LOCUM_ERR_IO:          return "input/output error";
    default:                    return "unknown error";
    }
    /* clang-format on */
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
