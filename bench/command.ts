/** The frame of every bench: options first, then the work, and an exit code that tells which of them failed. */

/**
 * Ends the process: with 2 and the usage when the options are wrong, with 1 when the work fails, else with the exit code that
 * `main` has set, or 0.
 */
export async function command<Options>(
  usage: string,
  optionsOf: (args: string[]) => Options,
  main: (options: Options) => Promise<void>,
): Promise<never> {
  let options: Options;
  try {
    options = optionsOf(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
  try {
    await main(options);
    process.exit();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
