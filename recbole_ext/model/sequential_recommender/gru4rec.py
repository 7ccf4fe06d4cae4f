"""Stand-in."""
from recbole_ext import _compat
_compat.apply()
from recbole.model.sequential_recommender.gru4rec import GRU4Rec as Host
from recbole_ext.model.all_positions import AllPositions
class GRU4Rec(AllPositions, Host):
    def encode(self, item_seq, item_seq_len, user=None):
        h, _ = self.gru_layers(self.emb_dropout(self.item_embedding(item_seq)))
        return self.dense(h)
    def item_embeddings(self): return self.item_embedding.weight
