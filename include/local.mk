# The public headers: userstackinclude_HEADERS += include/userstack/NAME.h
userstackinclude_HEADERS += include/userstack/userstack.h include/userstack/tcp.h
