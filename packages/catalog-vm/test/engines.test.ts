import { generateSigningKey } from '@hypermesh/crypto'
import { ISOLATIONS, openCatalog } from '@hypermesh/catalog-vm'
import {
  engineTests,
  simulatedClock,
  simulatedLeases,
  simulatedMounts,
  simulatedProofs,
  simulatedReceipts,
} from '@hypermesh/catalog-vm/testing'
import { describe, expect, test } from 'vitest'

const executor = generateSigningKey('ed25519')
const ports = {
  leases: simulatedLeases(),
  mounts: simulatedMounts(),
  proofs: simulatedProofs(),
  receipts: simulatedReceipts(),
  clock: simulatedClock(),
}
const catalogs = await Promise.all(
  ISOLATIONS.map((level) => openCatalog({ executor, ...ports, levels: [level] })),
)
const reports = catalogs.flatMap(({ engines }) => engines)

for (const [index, catalog] of catalogs.entries()) {
  const report = reports[index]!
  describe(report.isolation, () => {
    if (report.isAvailable) engineTests(test.concurrent, catalog, report.isolation)
    for (const reason of report.reasons) {
      process.stdout.write(
        `${report.isolation}: ${reason}${report.remedy ? ` (${report.remedy})` : ''}\n`,
      )
      test.skip(`not here: ${reason}`, () => {})
    }
  })
}

test.each(reports)('the sandbox of $engine lets nothing through', ({ holes }) => {
  expect(holes).toEqual([])
})

test('a program gives the same bytes on every engine', async () => {
  const source = `
    let order = ''
    Promise.resolve().then(() => { order += 'then' })
    order += 'script '
    function main(input) {
      let x = 88172645463325252n
      const draws = []
      for (let index = 0; index < 2000; index++) {
        x ^= (x << 13n) & 0xffffffffffffffffn
        x ^= x >> 7n
        x ^= (x << 17n) & 0xffffffffffffffffn
        draws.push(Number(x & 0xfffffn) / 7 + Math.sin(index) * Math.sqrt(index))
      }
      draws.sort((a, b) => a - b)
      const date = new Date(0).toString() + new Intl.NumberFormat().format(12345.678)
      const names = Object.getOwnPropertyNames(globalThis).sort().join()
      return [order, draws.join(), date, names, input.join(), String(new Error('e')), '\\ud800'].join('|')
    }`
  const working = catalogs.filter((_, index) => reports[index]!.isAvailable)
  const outputs = await Promise.all(
    working.map(async (catalog) => {
      const limits = { wallMs: 20_000, memoryBytes: 2 ** 27, outputMax: 2 ** 20 }
      const program = { language: 'javascript', source } as const
      const executed = await catalog.execute(program, new Uint8Array([7, 8]), limits, 'isolate')
      return executed.ok ? new TextDecoder().decode(executed.output) : executed.refusal
    }),
  )
  expect(outputs.length).toBeGreaterThan(0)
  expect(outputs[0]).toContain('script then|')
  for (const output of outputs) expect(output).toBe(outputs[0])
})
