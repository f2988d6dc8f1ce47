import { cpuInfo, mapMemory, memoryInfo, probeCgroups, probeMapping, run } from '@hypermesh/host'

for (const [name, probe] of Object.entries({
  processors: cpuInfo(),
  memory: memoryInfo(),
  'control groups': probeCgroups(),
  'mapped memory': probeMapping(),
})) {
  console.log(name, probe.available ? probe.value : `unavailable: ${probe.reason}`)
}

// Sixteen mebibytes that are really there, and gone at the end of the block.
{
  using memory = mapMemory(16 * 2 ** 20)
  memory.bytes[0] = 42
  console.log(`${memory.sizeBytes} bytes, backed by a ${memory.backing}`)
}

// No shell, no environment of ours, no more output than asked for, no process left.
const finished = await run({
  argv: ['sleep', '60'],
  outputMax: 1024,
  errorMax: 1024,
  timeoutMs: 100,
})
console.log(`the child ended by ${finished.ended}`)
