"""The language "marker retrieval" (src/model/marker-retrieval.ts), drawn for many sequences at once."""
import numpy as np


class MarkerRetrieval:
    def __init__(self, language):
        """`language` has the tokens of each kind, and what follows an ordinary token, by its probabilities."""
        self.bos, self.pairs = language["bos"], list(zip(language["markers"], language["queries"]))
        self.first_ordinary = language["firstOrdinary"]
        successors = np.asarray(language["successors"])
        vocabulary = successors.shape[1]
        rows = np.zeros((vocabulary, vocabulary))
        rows[: self.first_ordinary, self.first_ordinary :] = 1 / (vocabulary - self.first_ordinary)
        rows[self.first_ordinary :] = successors
        # The last one is above every draw, however the sum was rounded.
        self.cumulative = rows.cumsum(1)[:, :-1]

    def draw(self, generator, sequences, length):
        """Token ids [sequences, length + 1]."""
        tokens = np.full((sequences, length + 1), self.bos)
        answers = np.zeros((len(self.pairs), sequences), dtype=tokens.dtype)
        draws = generator.random((length, sequences, 1))
        for position in range(length):
            current = tokens[:, position]
            following = (self.cumulative[current] <= draws[position]).sum(1)
            for answer, (marker, query) in zip(answers, self.pairs):
                following = np.where((current == query) & (answer > 0), answer, following)
                answer[:] = np.where(current == marker, following, answer)
            tokens[:, position + 1] = following
        return tokens

    def is_ordinary(self, tokens):
        return tokens >= self.first_ordinary

    def answerable(self, tokens):
        """Where a query stands whose marker came before."""
        found = np.zeros(tokens.shape, dtype=bool)
        for marker, query in self.pairs:
            found |= (tokens == query) & (np.cumsum(tokens == marker, 1) > 0)
        return found
