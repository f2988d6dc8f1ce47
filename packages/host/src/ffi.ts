import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import type koffi from 'koffi'
import type { Probe } from './probe.ts'
import { available, errorText, unavailable } from './probe.ts'

/** The few calls that Node has no words for. Everything native in this package is behind this one interface. */
export interface Foreign {
  /** New shared memory (memfd), all of it allocated now; the call that failed when the system refuses. */
  map(sizeBytes: number): Mapped
  /** The same, with the allocating done on another thread. */
  mapAsync(sizeBytes: number): Promise<Mapped>
  unmap(address: bigint, sizeBytes: number): void
  /** Gives the pages back and leaves the addresses valid, reading as zeros. */
  discard(address: bigint, sizeBytes: number): void
}

/** What a mapping came to: the memory, or the call that failed. */
export type Mapped =
  | { readonly address: bigint; readonly buffer: ArrayBuffer }
  | { readonly error: string }

type Koffi = typeof koffi

// Linux uapi: memfd.h, mman.h. MADV_REMOVE punches the pages out of the memfd.
const MFD_CLOEXEC = 1
const PROT_READ_WRITE = 3
const MAP_SHARED_POPULATE = 0x8001
const MADV_REMOVE = 9

/**
 * Looks for the optional native bridge.
 *
 * @param load - How the module `koffi` is found; another one in tests.
 */
export function probeForeign(load: () => unknown = loadKoffi): Probe<Foreign> {
  if (process.platform !== 'linux') return unavailable(`no memfd on ${process.platform}`)
  try {
    const loaded = load()
    if (!isKoffi(loaded)) return unavailable('the module koffi is not what it was', 'npm i koffi@3')
    return available(bind(loaded))
  } catch (error) {
    return unavailable(`koffi does not load: ${errorText(error)}`, 'npm i koffi')
  }
}

function loadKoffi(): unknown {
  return createRequire(import.meta.url)('koffi')
}

function isKoffi(loaded: unknown): loaded is Koffi {
  if (typeof loaded !== 'object' || loaded === null) return false
  return ['load', 'view', 'errno'].every((name) => name in loaded)
}

function bind(koffi: Koffi): Foreign {
  const libc = koffi.load(null)
  const memfdCreate = libc.func('int memfd_create(const char *name, unsigned int flags)')
  const fallocate = libc.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)')
  const mmap = libc.func(
    'void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
  )
  const munmap = libc.func('int munmap(void *address, size_t length)')
  const madvise = libc.func('int madvise(void *address, size_t length, int advice)')
  const close = libc.func('int close(int fd)')
  const allocateLater = promisify(fallocate.async)
  const mmapLater = promisify(mmap.async)
  // mmap(2) answers (void *) -1 when it fails.
  const none = BigInt.asUintN(8 * koffi.sizeof('void *'), -1n)
  const failed = (call: string): Mapped => ({ error: `${call} failed` })
  const create = (): number => memfdCreate('hypermesh', MFD_CLOEXEC)
  const view = (address: bigint, sizeBytes: number): Mapped =>
    address === none ? failed('mmap') : { address, buffer: koffi.view(address, sizeBytes) }
  return {
    map: (sizeBytes) => {
      const fd = create()
      if (fd < 0) return failed('memfd_create')
      try {
        // Allocates every page or says that it cannot; a sparse file would fail later, by a signal.
        if (fallocate(fd, 0, 0, sizeBytes) !== 0) return failed('fallocate')
        return view(mmap(null, sizeBytes, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, 0), sizeBytes)
      } finally {
        close(fd)
      }
    },
    mapAsync: async (sizeBytes) => {
      const fd = create()
      if (fd < 0) return failed('memfd_create')
      try {
        const allocated: number = await allocateLater(fd, 0, 0, sizeBytes)
        if (allocated !== 0) return failed('fallocate')
        const flags = MAP_SHARED_POPULATE
        return view(await mmapLater(null, sizeBytes, PROT_READ_WRITE, flags, fd, 0), sizeBytes)
      } finally {
        close(fd)
      }
    },
    unmap: (address, sizeBytes) => {
      munmap(address, sizeBytes)
    },
    discard: (address, sizeBytes) => {
      madvise(address, sizeBytes, MADV_REMOVE)
    },
  }
}
