/** `npm run capacity`: how many workers a number of photos and morphs needs. */
import { capacity } from './capacity-command.js';

try {
  capacity(process.argv.slice(2), console.log);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
