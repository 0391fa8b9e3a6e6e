import { describeGenerator } from './generator-contract.ts';
import { wasmGenerator } from '../../../src/compute/runtimes/exact/wasm/wasm-generator.ts';

describeGenerator('WebAssembly', wasmGenerator);
