/** Fetches the native part of the tensorflow engine. */
import { installNativePart, InstallError } from '../compute/runtimes/tensorflow/native-part.ts';
import { SwpError } from '../base/failure.ts';

/**
 * @param log is told what the package's install script says, line by line
 * @throws SwpError of kind `install`; then nothing has changed
 */
export async function installTensorflow(log: (line: string) => void): Promise<void> {
  try {
    await installNativePart(log);
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    throw new SwpError(
      { kind: 'install', what: "TensorFlow's native part", message: error.message, remedy: error.remedy },
      { cause: error },
    );
  }
}
