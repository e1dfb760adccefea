/*
 * LD_PRELOAD library for user-mode-linux kernels up to 6.12 on CPUs whose XSAVE
 * area is larger than the 2696 bytes those kernels set aside for it (AMX, for
 * example). The host refuses to load a register set shorter than its own with
 * EFAULT, and the kernel panics at its first process ("ptrace set fp regs
 * failed, errno = 14"). This wrapper pads the register set with zeroes. On
 * other CPUs it changes nothing.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* More than any CPU asks for today (about 11 KiB with AMX). */
#define FULL_AREA 16384

/* Layout of an XSAVE area: 512 bytes of legacy state, then the header, whose
 * first word XSTATE_BV says which parts of the state are present. */
#define XSTATE_BV_OFFSET 512

/* The parts that lie within UML's 2696 bytes: x87, SSE, AVX, MPX, AVX-512,
 * PKRU, but not PT (bit 8), which is not for user space. */
#define XSTATE_BV_KEPT 0x2ffu

long ptrace(enum __ptrace_request request, ...)
{
	/* Static: UML's kernel is a single thread. */
	static unsigned char full[FULL_AREA] __attribute__((aligned(64)));
	struct iovec padded;
	va_list args;
	long peeked = 0;
	long result;

	va_start(args, request);
	long pid = va_arg(args, int);
	void *addr = va_arg(args, void *);
	void *data = va_arg(args, void *);
	va_end(args);

	if (request == PTRACE_SETREGSET && (long)addr == NT_X86_XSTATE) {
		const struct iovec *given = data;

		if (given->iov_len >= XSTATE_BV_OFFSET + sizeof(uint64_t) &&
		    given->iov_len < sizeof full) {
			uint64_t present;

			memset(full, 0, sizeof full);
			memcpy(full, given->iov_base, given->iov_len);
			memcpy(&present, full + XSTATE_BV_OFFSET, sizeof present);
			present &= XSTATE_BV_KEPT;
			memcpy(full + XSTATE_BV_OFFSET, &present, sizeof present);
			padded.iov_base = full;
			padded.iov_len = sizeof full;
			data = &padded;
		}
	}

	/* The system call stores a peeked word at `data`; the C function returns it. */
	int peeks = request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA ||
		    request == PTRACE_PEEKUSER;
	if (peeks)
		data = &peeked;

	result = syscall(SYS_ptrace, request, pid, addr, data);
	if (peeks && result >= 0) {
		errno = 0;
		return peeked;
	}
	return result;
}
