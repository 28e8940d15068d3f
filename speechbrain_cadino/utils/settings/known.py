"""The settings that the package knows, and what each may be; those of objects are the arguments of their classes, and
stand here if not every number will do.

A line says: kinds (`kinds.NOUNS`; ``?``: or null), then bounds or choices.
"""

from speechbrain_cadino.utils.settings.kinds import Kind

TABLE = """
seed                        whole 0..4294967295
output_folder save_folder   folder
train_log                   file
data_folder                 folder
calls_folder demo_folder    folder
train_csv file_list         file?
development_trials          file?
development_folder          folder
held_out_trials             files
noise_folder rir_folder     folder?
init start_from             folder?
face_folder init_face development_face_folder  folder?
labels embedding_ids        file?
embeddings                  file|folder?
distillation                object?
distillation_weight         number? 0..
distillation.weight         number? 0..
distillation.linear distillation.center  flag
license                     licence
prepare_options loader_options modules train_loggers  mapping
large_margin modalities     mapping?
augment last_layer_refit compensation cluster_compensation  object?
corrector join voice_data face_augment face_compensation  object?
preload                     flag|auto
fresh_encoder remove_vector_weight_decay trust_init verbose  flag
batch_size                  whole|auto 1..
number_of_epochs            whole|auto 1..
global_seconds local_seconds  number|auto 0.1..600
n_fine                      whole|auto? 1..
retrieval_utterances        whole 0..
budget                      object?
warmup_epochs margin_warmup_epochs  number|auto 0..
freeze_last_layer_epochs    number 0..
start_from_epoch            whole? 1..
cluster_start_epoch         whole|auto 0..
cluster_every evaluate_every  whole|auto 1..
n_mels embedding_dim        whole 1..
face_embedding_dim          whole 1..
face_size                   whole 16..
n_prototypes                whole|auto 2..
n_classes                   whole 1..
n_clusters                  whole|wholes|auto 1..
n_iterations iteration      whole 1..
average_checkpoints keep_checkpoints  whole 1..
grad_accumulation_factor    whole 1..
ckpt_interval_minutes       number
correction_start_epoch      whole|auto 0..
correction_momentum         number 0..1
momentum_start channel_prob  number|auto 0..1
stop_agreement              number? -1..1
label_fraction              number >0
false_acceptance class_balance  number 0..1
margin                      number 0..
scale f_max hop_length      number >0
teacher_temp                number >0
lr lr_final                 number 0..
koleo_weight consistency_weight  number 0..
speed_factors dataset.speed_factors  numbers 0.5..2
precision                   text = fp32 fp16 bf16
gate_mode                   text = none fixed dynamic dynamic+correction
gate_rule                   text = own and or
correction                  text = own other mean
teacher_batch_norm          text = own ema
crops.global_seconds crops.local_seconds  number 0.1..600
prepare_options.workers     whole? 1..
compute_features.n_fft      whole 1..
compute_features.win_length compute_features.hop_length  number >0
compute_features.filter_shape  text = triangular rectangular gaussian
loader_options.num_workers  whole 0..
loader_options.prefetch_factor  whole 1..
loader_options.max_failed_fraction  number 0..1
epoch_counter.limit         whole 1..
embedding_model.attention_channels embedding_model.se_channels embedding_model.res2net_scale  whole 1..
head.hidden_dim head.bottleneck_dim  whole 1..
dino_loss.student_temp      number >0
dino_loss.center_momentum   number 0..1
momentum_schedule.start momentum_schedule.end  number 0..1
teacher_temp_schedule.start teacher_temp_schedule.end teacher_temp_schedule.level  number >0
lr_schedule.peak lr_schedule.end  number 0..
opt_class.weight_decay opt_class.momentum  number 0..
gradient_clipper.max_norm   number >0
compensation.shrinkage      number >0
compensation.seconds        number 0.1..600
compensation.n_views        whole 2..
compensation.max_items      whole 2..
clustering.n_iter           whole 1..
clustering.n_clusters       whole|auto? 1..
clustering.n_fine           whole? 1..
clustering.size_power       number|auto 0..1
gate.start_epoch            whole 0..
gate.chance_fraction gate.min_weight gate.min_fraction  number 0..1
gate.start_separation       number 0..
corrector.logit_scale corrector.temperature  number >0
corrector.tau_2             number 0..1
aam.scale                   number >0
margin_schedule.start margin_schedule.end  number 0..
"""
_KINDS = {}
for _line in TABLE.strip().splitlines():
    _names, _kind = _line.split("  ", 1)
    _KINDS |= dict.fromkeys(_names.split(), Kind.parse(_kind.strip()))
KNOWN = {name: kind for name, kind in _KINDS.items() if "." not in name}
WITHIN = {name: kind for name, kind in _KINDS.items() if "." in name}
# Arguments that are the same in every object, where its class says no more than that they are whole numbers.
WITHIN_ANY = {"seed": KNOWN["seed"]}
# Settings that have an effect only where another one refers to them.
BY_REFERENCE = """
train_log calls_folder demo_folder noise_folder rir_folder compensation preload number_of_epochs global_seconds
local_seconds n_fine warmup_epochs margin_warmup_epochs cluster_start_epoch cluster_every n_clusters n_mels
embedding_dim n_prototypes momentum_start channel_prob margin scale f_max hop_length teacher_temp lr lr_final
speed_factors face_folder init_face development_face_folder face_embedding_dim face_size
distillation_weight
""".split()

# Settings that are read in one stage only. Stage II is a YAML with a `run`.
STAGE_I = """
cluster_every cluster_schedule cluster_start_epoch collapse_watch consistency_loss consistency_weight dino_loss
freeze_last_layer_epochs head koleo_loss koleo_weight local_seconds lr_final momentum_schedule momentum_start
n_prototypes positive_sampler start_from_epoch student teacher_batch_norm teacher_temp teacher_temp_schedule
""".split()
STAGE_II = """
aam class_balance classifier correction correction_momentum correction_start_epoch corrector development_face_folder
distillation distillation_weight embedding_ids embeddings face_augment face_augment_settings face_compensation
face_embedding_dim face_folder face_size fresh_encoder gate gate_mode gate_rule init init_face iteration join
label_fraction labels large_margin margin margin_schedule margin_warmup_epochs modalities n_classes n_iterations scale
stop_agreement trust_init voice_data
""".split()

# Mappings that are passed to a function or class: its arguments are their settings, but for those that the run gives.
CALLED = {
    "prepare_options": (
        "speechbrain_cadino.corpus.prepare.prepare_corpus",
        ("data_folder", "save_folder", "file_list", "trials", "train_csv", "trial_folders", "check"),
    ),
    "loader_options": ("speechbrain_cadino.views.loader.ViewLoader", ("dataset", "sampler")),
}
# Mappings whose entries have any names, and what each may be.
ENTRIES = {"train_loggers": Kind.parse("object?"), "modalities": Kind.parse("mapping")}
# Mappings whose entries are settings of the whole file.
PARTS = ("large_margin",)
# What a setting was called before.
OLD_NAMES = {
    "label_share": "label_fraction",
    "source": "positive_sampler",
    "rooms": "rirs",
    "chance_share": "chance_fraction",
    "num_classes": "n_classes",
    "train_logger": "train_loggers",
    "tensorboard_logger": "train_loggers",
}
