/**
 * Runs work in this thread and measures the longest time for which it kept the event loop from everybody else: processor
 * time of the thread, so that what other processes take does not count. ms
 */
export async function longestSliceOf(work: () => Promise<unknown>): Promise<number> {
  let [longest, running] = [0, true];
  let before = process.threadCpuUsage();
  const tick = () => {
    const { user, system } = process.threadCpuUsage(before);
    longest = Math.max(longest, (user + system) / 1000);
    before = process.threadCpuUsage();
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  try {
    await work();
  } finally {
    running = false;
  }
  return longest;
}
