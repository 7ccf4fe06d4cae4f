"""Stand-in."""
from recbole_ext.model.loss import full_softmax
class AllPositions:
    def calculate_loss(self, interaction):
        if "target_seq" not in interaction: return super().calculate_loss(interaction)
        t = interaction["target_seq"]
        h = self.encode(interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN])
        m = t > 0
        return full_softmax(h[m], self.item_embeddings(), t[m])
