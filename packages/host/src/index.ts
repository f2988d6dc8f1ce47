/**
 * Call the operating system: memory, control groups, networks, probes, devices, processes.
 *
 * @packageDocumentation
 */
export {}
