/** `npm run grad`: the gradient of a loss, as an ONNX model of standard ops, from an ONNX model that computes the loss. */
import { grad } from './grad-command.js';

try {
  grad(process.argv.slice(2), console.log);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
