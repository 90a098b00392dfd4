/* SPDX-License-Identifier: ISC */
/* Prints the interfaces that libc and the ioctls of netdevice(7) show, one fact a line, for comparing. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void print_addr(const char *what, const struct sockaddr *sa) {
    char text[INET6_ADDRSTRLEN] = "";
    if (!sa) {
        printf(" %s -", what);
    } else if (sa->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, text,
                  sizeof(text));
        printf(" %s %s", what, text);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
        printf(" %s %s%%%u", what, text, in6->sin6_scope_id);
    } else {
        const struct sockaddr_ll *ll = (const void *)sa;
        printf(" %s link %d type %d len %d", what, ll->sll_ifindex, ll->sll_hatype, ll->sll_halen);
        for (int i = 0; i < ll->sll_halen; i++)
            printf("%c%02x", i ? ':' : ' ', ll->sll_addr[i]);
    }
}

static void by_getifaddrs(void) {
    struct ifaddrs *list;
    if (getifaddrs(&list) != 0) {
        printf("getifaddrs: %s\n", strerror(errno));
        return;
    }
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        printf("%s flags %x", i->ifa_name, i->ifa_flags & ~(unsigned)IFF_NOARP);
        print_addr("addr", i->ifa_addr);
        print_addr("mask", i->ifa_netmask);
        print_addr("other", i->ifa_ifu.ifu_broadaddr);
        printf(" data %d\n", i->ifa_data != NULL);
    }
    freeifaddrs(list);
}

static void by_index(void) {
    struct if_nameindex *v = if_nameindex();
    for (struct if_nameindex *i = v; i && i->if_name; i++) {
        char name[IF_NAMESIZE] = "";
        printf("%u %s %u %s\n", i->if_index, i->if_name, if_nametoindex(i->if_name),
               if_indextoname(i->if_index, name) ? name : strerror(errno));
    }
    if_freenameindex(v);
    printf("no such name: %u %s\n", if_nametoindex("nowhere0"), strerror(errno));
}

static void by_ioctl(int fd) {
    static const struct {
        const char *name;
        unsigned long req;
    } all[] = {{"ADDR", SIOCGIFADDR},   {"NETMASK", SIOCGIFNETMASK}, {"BRDADDR", SIOCGIFBRDADDR},
               {"FLAGS", SIOCGIFFLAGS}, {"MTU", SIOCGIFMTU},         {"HWADDR", SIOCGIFHWADDR},
               {"INDEX", SIOCGIFINDEX}, {"METRIC", SIOCGIFMETRIC}};
    static const char *const names[] = {"lo", "us0", "nowhere0"};
    for (size_t n = 0; n < 3; n++)
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
            struct ifreq r;
            memset(&r, 0, sizeof(r));
            strcpy(r.ifr_name, names[n]);
            printf("%s %s", names[n], all[i].name);
            if (ioctl(fd, all[i].req, &r) < 0)
                printf(" %s", strerror(errno));
            else if (i < 3)
                print_addr("", &r.ifr_addr);
            else if (i == 3)
                printf(" %x", r.ifr_flags & ~IFF_NOARP & 0xffff);
            else if (i == 5)
                for (int k = 0; k < 6; k++)
                    printf(" %02x", (unsigned char)r.ifr_hwaddr.sa_data[k]);
            else
                printf(" %d", r.ifr_mtu);
            printf("\n");
        }
    struct ifreq r = {.ifr_ifindex = (int)if_nametoindex("us0")};
    printf("NAME %s\n", ioctl(fd, SIOCGIFNAME, &r) < 0 ? strerror(errno) : r.ifr_name);
    printf("bad pointer: %d\n", ioctl(fd, SIOCGIFADDR, (void *)1) < 0 ? errno : 0);
    printf("bad descriptor: %d\n", ioctl(99, SIOCGIFADDR, &r) < 0 ? errno : 0);
    printf("not a socket: %d\n", ioctl(0, SIOCGIFADDR, &r) < 0 ? errno : 0);
}

static void by_conf(int fd) {
    struct ifreq v[8];
    struct ifconf c = {.ifc_len = 0, .ifc_buf = NULL};
    int r = ioctl(fd, SIOCGIFCONF, &c);
    printf("CONF wants %d: %d\n", c.ifc_len, r);
    for (int room = (int)sizeof(v); room > 0; room = room > 60 ? 60 : 0) {
        c = (struct ifconf){.ifc_len = room, .ifc_req = v};
        r = ioctl(fd, SIOCGIFCONF, &c);
        printf("CONF %d: %d %d\n", room, r, c.ifc_len);
        for (int i = 0; i < c.ifc_len / (int)sizeof(v[0]); i++) {
            printf("  %s", v[i].ifr_name);
            print_addr("", &v[i].ifr_addr);
            printf("\n");
        }
    }
}

static void device(const char *name) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    char got[IFNAMSIZ] = "";
    socklen_t len = sizeof(got);
    int r = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1);
    printf("SO_BINDTODEVICE %s: %s", name, r ? strerror(errno) : "ok");
    r = getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, got, &len);
    printf(", then %d '%s' %u\n", r, got, len);
    close(fd);
}

int main(void) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    by_getifaddrs();
    by_index();
    by_ioctl(fd);
    by_conf(fd);
    device("us0");
    device("lo");
    device("nowhere0");
    device("");
    struct sockaddr_in sa = {.sin_family = AF_INET};
    static const char *const at[] = {"10.77.0.2", "10.77.0.99", "127.0.0.1"};
    for (size_t i = 0; i < 3; i++) {
        int s = socket(AF_INET, SOCK_STREAM, 0);
        inet_pton(AF_INET, at[i], &sa.sin_addr);
        printf("bind %s: %s\n", at[i],
               bind(s, (struct sockaddr *)&sa, sizeof(sa)) ? strerror(errno) : "ok");
        close(s);
    }
    close(fd);
    return 0;
}
