/** Keys in the order of their bytes: a balanced (AVL) tree that is never changed, only replaced along one path. */
export type Order = Node | undefined

interface Node {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly height: number
  readonly left: Order
  readonly right: Order
}

export function find(order: Order, key: Uint8Array): Uint8Array | undefined {
  let at = order
  while (at !== undefined) {
    const side = compare(key, at.key)
    if (side === 0) return at.value
    at = side < 0 ? at.left : at.right
  }
  return undefined
}

export function insert(order: Order, key: Uint8Array, value: Uint8Array): Node {
  if (order === undefined) return node(key, value, undefined, undefined)
  const side = compare(key, order.key)
  if (side === 0) return node(key, value, order.left, order.right)
  return side < 0
    ? balance(order, insert(order.left, key, value), order.right)
    : balance(order, order.left, insert(order.right, key, value))
}

export function omit(order: Order, key: Uint8Array): Order {
  if (order === undefined) return undefined
  const side = compare(key, order.key)
  if (side < 0) return balance(order, omit(order.left, key), order.right)
  if (side > 0) return balance(order, order.left, omit(order.right, key))
  if (order.left === undefined) return order.right
  if (order.right === undefined) return order.left
  const next = first(order.right)
  return balance(next, order.left, omit(order.right, next.key))
}

/** Keys that begin with `prefix`, in order. */
export function* from(
  order: Order,
  prefix: Uint8Array,
): Generator<readonly [Uint8Array, Uint8Array]> {
  if (order === undefined) return
  const begins = startsWith(order.key, prefix)
  const isBelow = begins || compare(order.key, prefix) > 0
  if (isBelow) yield* from(order.left, prefix)
  if (begins) yield [order.key, order.value]
  if (begins || !isBelow) yield* from(order.right, prefix)
}

function balance(at: { key: Uint8Array; value: Uint8Array }, left: Order, right: Order): Node {
  const { key, value } = at
  const lean = heightOf(left) - heightOf(right)
  if (left !== undefined && lean > 1) {
    const inner = left.right
    if (inner !== undefined && heightOf(left.left) < heightOf(inner)) {
      const outer = node(left.key, left.value, left.left, inner.left)
      return node(inner.key, inner.value, outer, node(key, value, inner.right, right))
    }
    return node(left.key, left.value, left.left, node(key, value, inner, right))
  }
  if (right !== undefined && lean < -1) {
    const inner = right.left
    if (inner !== undefined && heightOf(right.right) < heightOf(inner)) {
      const outer = node(right.key, right.value, inner.right, right.right)
      return node(inner.key, inner.value, node(key, value, left, inner.left), outer)
    }
    return node(right.key, right.value, node(key, value, left, inner), right.right)
  }
  return node(key, value, left, right)
}

function node(key: Uint8Array, value: Uint8Array, left: Order, right: Order): Node {
  return { key, value, left, right, height: 1 + Math.max(heightOf(left), heightOf(right)) }
}

function heightOf(order: Order): number {
  return order?.height ?? 0
}

function first(order: Node): Node {
  let at = order
  while (at.left !== undefined) at = at.left
  return at
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  return key.length >= prefix.length && compare(key.subarray(0, prefix.length), prefix) === 0
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let index = 0; index < shared; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
