# A program of a few hundred bytes, made in memory: it enters namespaces and runs another program.
#
# A process with several threads can't enter a user namespace; one that has just begun to run a
# program has a single thread, whatever it had before, and is still the same process. So exec on a
# machine goes through this one there. It is C of this file, compiled with the module into a section
# of its own that refers to nothing outside of it: the section, behind the header of an executable,
# is the whole program. Its arguments are what to say when it fails; the descriptors of the
# namespaces, as "12 13 ;" and after that, if it isn't by its path, the program's, with a "+" if that
# stays open; the directory; the program's path; and then the program's own.
#
# Not gathered in __init__.pxd: the code would be in every module.
cdef extern from *:
    """
    #include <elf.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <sys/syscall.h>
    #include <unistd.h>

    #ifndef MFD_EXEC
    #define MFD_EXEC 0x0010U
    #endif
    #ifndef __has_attribute
    #define __has_attribute(x) 0
    #endif
    #if __has_attribute(no_stack_protector)
    #define OSTLER_PLAIN __attribute__((no_stack_protector))
    #else
    #define OSTLER_PLAIN
    #endif

    #if defined(__x86_64__) && defined(__LP64__)
    #define OSTLER_ENTERS EM_X86_64
    __asm__(
        ".pushsection ostler_enter,\\"ax\\",@progbits\\n"
        ".globl ostler_enter_first\\n"
        ".hidden ostler_enter_first\\n"
        "ostler_enter_first:\\n"
        "xorl %ebp, %ebp\\n"
        "movq %rsp, %rdi\\n"
        "andq $-16, %rsp\\n"
        "call ostler_enter_main\\n"
        "hlt\\n"
        ".popsection\\n");
    static inline __attribute__((always_inline)) long ostler_raw(
        long number, long a, long b, long c, long d, long e)
    {
        long result;
        register long r10 __asm__("r10") = d;
        register long r8 __asm__("r8") = e;
        __asm__ volatile("syscall" : "=a"(result)
            : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
            : "rcx", "r11", "memory");
        return result;
    }
    #elif defined(__aarch64__) && defined(__LP64__)
    #define OSTLER_ENTERS EM_AARCH64
    __asm__(
        ".pushsection ostler_enter,\\"ax\\",@progbits\\n"
        ".globl ostler_enter_first\\n"
        ".hidden ostler_enter_first\\n"
        "ostler_enter_first:\\n"
        "mov x29, #0\\n"
        "mov x30, #0\\n"
        "mov x0, sp\\n"
        "bl ostler_enter_main\\n"
        "brk #1\\n"
        ".popsection\\n");
    static inline __attribute__((always_inline)) long ostler_raw(
        long number, long a, long b, long c, long d, long e)
    {
        register long x8 __asm__("x8") = number;
        register long x0 __asm__("x0") = a;
        register long x1 __asm__("x1") = b;
        register long x2 __asm__("x2") = c;
        register long x3 __asm__("x3") = d;
        register long x4 __asm__("x4") = e;
        __asm__ volatile("svc #0" : "+r"(x0)
            : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
        return x0;
    }
    #endif

    #ifdef OSTLER_ENTERS
    extern const char ostler_enter_first[] __attribute__((visibility("hidden")));
    extern const char __start_ostler_enter[] __attribute__((visibility("hidden")));
    extern const char __stop_ostler_enter[] __attribute__((visibility("hidden")));

    OSTLER_PLAIN __attribute__((section("ostler_enter"), used, noinline, visibility("hidden")))
    void ostler_enter_main(long *stack)
    {
        char **argv = (char **)(stack + 1);
        char **envp = argv + stack[0] + 1;
        const volatile char *order = argv[1];
        const volatile char *said = argv[0];
        long failed = 0;
        long fd = 0;
        long size = 0;
        while (*order != ';') {
            if (*order == ' ') {
                if (failed >= 0)
                    failed = ostler_raw(SYS_setns, fd, 0, 0, 0, 0);
                ostler_raw(SYS_close, fd, 0, 0, 0, 0);
                fd = 0;
            } else {
                fd = fd * 10 + (*order - '0');
            }
            order++;
        }
        if (failed >= 0 && argv[2][0])
            failed = ostler_raw(SYS_chdir, (long)argv[2], 0, 0, 0, 0);
        if (failed >= 0) {
            if (order[1]) {
                fd = 0;
                while (*++order && *order != '+')
                    fd = fd * 10 + (*order - '0');
                if (*order != '+')
                    ostler_raw(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC, 0, 0);
                failed = ostler_raw(SYS_execveat, fd, (long)argv[3], (long)(argv + 4),
                                    (long)envp, 0x1000 /* AT_EMPTY_PATH */);
            } else {
                failed = ostler_raw(SYS_execve, (long)argv[3], (long)(argv + 4), (long)envp, 0, 0);
            }
        }
        while (said[size])
            size++;
        ostler_raw(SYS_write, 2, (long)argv[0], size, 0, 0);
        ostler_raw(SYS_exit_group, failed == -ENOENT ? 127 : 126, 0, 0, 0, 0);
        for (;;)
            ;
    }

    static int ostler_entering_program(void)
    {
        const size_t head = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) + 16;
        const size_t base = 0x400000;
        const size_t length = __stop_ostler_enter - __start_ostler_enter;
        char *image = calloc(1, head + length);
        Elf64_Ehdr *file = (Elf64_Ehdr *)image;
        Elf64_Phdr *parts = (Elf64_Phdr *)(file + 1);
        int fd, number;
        if (image == NULL) {
            errno = ENOMEM;
            return -1;
        }
        memcpy(file->e_ident, ELFMAG, SELFMAG);
        file->e_ident[EI_CLASS] = ELFCLASS64;
        file->e_ident[EI_DATA] = ELFDATA2LSB;
        file->e_ident[EI_VERSION] = EV_CURRENT;
        file->e_type = ET_EXEC;
        file->e_machine = OSTLER_ENTERS;
        file->e_version = EV_CURRENT;
        file->e_entry = base + head + (ostler_enter_first - __start_ostler_enter);
        file->e_phoff = sizeof(Elf64_Ehdr);
        file->e_ehsize = sizeof(Elf64_Ehdr);
        file->e_phentsize = sizeof(Elf64_Phdr);
        file->e_phnum = 2;
        parts[0].p_type = PT_LOAD;
        parts[0].p_flags = PF_R | PF_X;
        parts[0].p_vaddr = parts[0].p_paddr = base;
        parts[0].p_filesz = parts[0].p_memsz = head + length;
        parts[0].p_align = 0x10000;
        parts[1].p_type = PT_GNU_STACK;
        parts[1].p_flags = PF_R | PF_W;
        memcpy(image + head, __start_ostler_enter, length);
        fd = syscall(SYS_memfd_create, "ostler", MFD_CLOEXEC | MFD_EXEC);
        if (fd < 0 && errno == EINVAL)
            fd = syscall(SYS_memfd_create, "ostler", MFD_CLOEXEC);
        if (fd >= 0 && write(fd, image, head + length) != (ssize_t)(head + length)) {
            number = errno;
            close(fd);
            errno = number;
            fd = -1;
        }
        number = errno;
        free(image);
        errno = number;
        return fd;
    }
    #else
    static int ostler_entering_program(void)
    {
        errno = EINVAL;
        return -1;
    }
    #endif
    """
    # A descriptor of the program, or -1 with errno: EINVAL for an architecture it isn't written for.
    int entering_program "ostler_entering_program"() noexcept nogil
