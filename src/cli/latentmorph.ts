#!/usr/bin/env node
/** The command line: finds the command, runs it, and ends with its exit code. */
import { AppError } from '../errors.js';
import { type Command, EXIT, Misused } from './commands/command.js';

/** Loaded when asked for: the service must not wait for what it does not need. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./commands/serve.js')).serve,
  embed: async () => (await import('./commands/embed.js')).embed,
  morph: async () => (await import('./commands/pictures.js')).morph,
  animate: async () => (await import('./commands/pictures.js')).animate,
  grid: async () => (await import('./commands/pictures.js')).grid,
  models: async () => (await import('./commands/models.js')).models,
  doctor: async () => (await import('./commands/doctor.js')).doctor,
};

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || ['help', '--help', '-h'].includes(name)) {
    console.log(await overview());
    return name === undefined ? EXIT.misused : EXIT.ok;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!load) {
    console.error(`Unknown command '${name}'.\n\n${await overview()}`);
    return EXIT.misused;
  }
  const command = await load();
  if (args.some((one) => one === '--help' || one === '-h')) {
    console.log(command.usage);
    return EXIT.ok;
  }
  try {
    return await command.run(args);
  } catch (error) {
    return told(error, command.usage);
  }
}

function told(error: unknown, usage: string): number {
  if (error instanceof Misused) {
    console.error(`${error.message}\n\n${usage}`);
    return EXIT.misused;
  }
  if (error instanceof AppError) console.error(`${error.code}: ${error.detail ?? error.message}`);
  else console.error(error instanceof Error ? error.message : error);
  return EXIT.failed;
}

async function overview(): Promise<string> {
  const names = Object.keys(COMMANDS);
  const width = Math.max(...names.map((name) => name.length));
  const lines = await Promise.all(
    names.map(async (name) => `  ${name.padEnd(width)}  ${(await COMMANDS[name]!()).summary}`),
  );
  return `Usage: latentmorph COMMAND [options]

${lines.join('\n')}

\`latentmorph COMMAND --help\` tells more. Exit codes: ${EXIT.ok} done, ${EXIT.failed} failed, ${EXIT.misused} wrong arguments, ${EXIT.unreachable} no service, ${EXIT.interrupted} interrupted.`;
}

process.exit(await main(process.argv.slice(2)));
