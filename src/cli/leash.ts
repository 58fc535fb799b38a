/**
 * `node leash.js PROGRAM ARGS`: runs a program that knows nothing of the lifeline, and stops it when the lifeline says so.
 * Standard input goes to the program; its standard output is dropped.
 */
import { spawn } from 'node:child_process';

const [program = '', ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: ['inherit', 'ignore', 'inherit'] });
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.once('error', (error) => {
  console.error(error.message);
  process.exit(127);
});
child.once('exit', (code) => process.exit(code ?? 1));
