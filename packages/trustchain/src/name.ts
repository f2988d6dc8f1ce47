/** RFC 1035 2.3.4, without the final dot. */
const NAME_LENGTH_MAX = 253

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * Whether this can be the name of a node: labels of lower-case letters, digits and inner hyphens, joined by dots.
 * One name has one spelling, so names are compared as they are.
 */
export function isName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && name.split('.').every((label) => LABEL.test(label))
}
