# A stand-in for Mirrorbits (tests/site/redirector.py), started like the real program.
FROM locum-site
COPY redirector.py /usr/local/bin/
RUN printf '#!/bin/sh\nexec python3 /usr/local/bin/redirector.py "$3" "$(hostname)"\n' \
    >/usr/local/bin/mirrorbits && chmod 755 /usr/local/bin/mirrorbits
