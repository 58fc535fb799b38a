/**
 * Preloaded (`node --import`) into the processes that `npm start` spawns: when the parent is gone, however it ended, the
 * IPC channel closes and the process stops as it does on SIGTERM. It does not keep the process alive by itself.
 */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
