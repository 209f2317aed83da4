#include "base/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/invariant.h"

enum { GROUPS_MAX = 256 };

static bool
be_root(void)
{
    const gid_t root = 0;
    return setresuid(0, 0, 0) == 0 && setresgid(0, 0, 0) == 0 && setgroups(1, &root) == 0;
}

static bool
take_groups(const char *name, gid_t gid, const char *more)
{
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX - 1;
    const struct group *group = more != NULL ? getgrnam(more) : NULL;
    if (getgrouplist(name, gid, groups, &count) < 0) {
        return false;
    }
    if (group != NULL) {
        groups[count++] = group->gr_gid;
    }
    return setgroups((size_t)count, groups) == 0;
}

enum locum_user_eyes
locum_user_look_as(const char *name, const char *group, const char *path)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam(name) : NULL;
    if (user == NULL || user->pw_uid == 0) {
        return LOCUM_USER_OWN;
    }
    /* The saved user stays root's. access(2) asks with the real one, so that changes too. */
    const bool taken = take_groups(name, user->pw_gid, group) &&
                       setresgid(user->pw_gid, user->pw_gid, 0) == 0 &&
                       setresuid(user->pw_uid, user->pw_uid, 0) == 0;
    if (taken && (access(path, R_OK) == 0 || errno != EACCES)) {
        return LOCUM_USER_OTHERS;
    }
    const bool root = be_root();
    LOCUM_INVARIANT(root);
    return taken ? LOCUM_USER_BLIND : LOCUM_USER_OWN;
}
