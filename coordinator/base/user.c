#include "base/user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "base/invariant.h"

bool
locum_user_become(const char *name)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam(name) : NULL;
    if (user == NULL || user->pw_uid == 0) {
        return false;
    }
    /* The saved user stays root's. access(2) asks with the real one, so that changes too. */
    const bool good = initgroups(name, user->pw_gid) == 0 &&
                      setresgid(user->pw_gid, user->pw_gid, 0) == 0 &&
                      setresuid(user->pw_uid, user->pw_uid, 0) == 0;
    if (!good) {
        locum_user_return();
    }
    return good;
}

void
locum_user_return(void)
{
    const gid_t root = 0;
    const bool good =
        setresuid(0, 0, 0) == 0 && setresgid(0, 0, 0) == 0 && setgroups(1, &root) == 0;
    LOCUM_INVARIANT(good);
}
