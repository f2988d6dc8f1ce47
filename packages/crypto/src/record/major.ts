/** Major types, RFC 8949 section 3.1. */
export const MAJOR = { uint: 0, bytes: 2, text: 3, array: 4, map: 5 } as const

/** The two simple values in use, as whole bytes. RFC 8949 section 3.3. */
export const SIMPLE = { false: 0xf4, true: 0xf5 } as const
