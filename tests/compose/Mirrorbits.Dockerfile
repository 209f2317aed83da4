# An image as the profile mirrorbits needs it, of a program and its folder of templates.
FROM locum-site
COPY mirrorbits /usr/bin/mirrorbits
COPY templates /usr/share/mirrorbits
