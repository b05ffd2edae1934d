/** Processor time of this process in milliseconds: unlike a clock it does not count what others take of the machine. */
export function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
