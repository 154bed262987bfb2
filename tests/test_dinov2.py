"""DINOv2: the features of torchvision's transformer with its weights, and the resizing that is stated."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from random_weights import write_dinov2
from torch import Tensor, nn
from torchvision.models import VisionTransformer
from torchvision.transforms import InterpolationMode, Normalize, Resize, ToTensor

from ganbench import registry
from ganbench.contract.extractors import extracts
from ganbench.errors import GanbenchError, MissingData
from ganbench.extractors import FEATURES
from ganbench.extractors.dinov2 import SIZES, DinoV2, positions, resized
from ganbench.extractors.downloads import downloads
from ganbench.extractors.weights_file import WEIGHTS_VARIABLE

SMALL = "dinov2-vit-s-14"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of ViT-S/14 with random numbers."""
    return write_dinov2(tmp_path_factory.mktemp("dinov2") / "dinov2_vits14_pretrain.pth")


@pytest.fixture
def named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, named by the environment."""
    monkeypatch.setenv(WEIGHTS_VARIABLE, f"{SMALL}={weights}")
    return weights


def pictures(height: int, width: int, count: int = 2) -> Tensor:
    """Bytes [count, 3, height, width]."""
    source = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, height, width), generator=source, dtype=torch.uint8)


def cubic(distance: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -3/4."""
    a, x = -0.75, np.abs(distance)
    near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def interpolated(embeddings: Tensor, grid: int, trained: int = 37) -> Tensor:
    """The position embeddings for a grid, by a matrix along each side, with DINOv2's offset of 0.1."""
    places = (np.arange(grid) + 0.5) * trained / (grid + 0.1) - 0.5
    matrix = np.zeros((grid, trained))
    for row, place in enumerate(places):
        for source in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
            matrix[row, np.clip(source, 0, trained - 1)] += cubic(np.array(place - source))
    square = embeddings[0, 1:].double().numpy().reshape(trained, trained, -1)
    scaled = np.einsum("iy,jx,yxc->ijc", matrix, matrix, square).reshape(grid * grid, -1)
    return torch.cat([embeddings[0, :1].double(), torch.from_numpy(scaled)]).unsqueeze(0)


def torchvisions(stored: dict[str, Tensor], heads: int, depth: int) -> VisionTransformer:
    """Torchvision's vision transformer with the same weights, float64; layer scale is in the projections."""
    width = stored["cls_token"].shape[-1]
    network = VisionTransformer(224, 14, depth, heads, width, 4 * width)
    network.heads = nn.Identity()
    renamed = {
        "class_token": stored["cls_token"],
        "conv_proj.weight": stored["patch_embed.proj.weight"],
        "conv_proj.bias": stored["patch_embed.proj.bias"],
        "encoder.pos_embedding": interpolated(stored["pos_embed"], 16),
        "encoder.ln.weight": stored["norm.weight"],
        "encoder.ln.bias": stored["norm.bias"],
    }
    for number in range(depth):
        block = {
            key.removeprefix(f"blocks.{number}."): value
            for key, value in stored.items()
            if key.startswith(f"blocks.{number}.")
        }
        of_block: dict[str, Tensor] = {}
        for part in ("weight", "bias"):
            of_block |= {f"ln_{n}.{part}": block[f"norm{n}.{part}"] for n in (1, 2)}
            of_block[f"self_attention.in_proj_{part}"] = block[f"attn.qkv.{part}"]
            of_block[f"self_attention.out_proj.{part}"] = scaled(block, "ls1", f"attn.proj.{part}")
            of_block[f"mlp.0.{part}"] = block[f"mlp.fc1.{part}"]
            of_block[f"mlp.3.{part}"] = scaled(block, "ls2", f"mlp.fc2.{part}")
        renamed |= {f"encoder.layers.encoder_layer_{number}.{key}": v for key, v in of_block.items()}
    network.double().load_state_dict(renamed)
    return network.eval()


def scaled(block: dict[str, Tensor], scale: str, projection: str) -> Tensor:
    values, gamma = block[projection].double(), block[f"{scale}.gamma"].double()
    return values * (gamma[:, None] if values.dim() == 2 else gamma)


@torch.no_grad()
def test_features_are_those_of_torchvisions_transformer_with_the_same_weights(named: Path) -> None:
    images = pictures(224, 224)  # of the size that needs no resizing
    normalized = Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(images.double() / 255)
    reference = torchvisions(torch.load(named, weights_only=True), 6, 12)(normalized)
    features = registry.build("extractor", SMALL)(images)[FEATURES]
    assert features.shape == (2, 384)
    torch.testing.assert_close(features.double(), reference, rtol=1e-5, atol=1e-5)
    assert (reference[0] - reference[1]).abs().mean() > 1e-2  # else all would agree with all


def test_position_embeddings_are_scaled_with_the_published_offset() -> None:
    embeddings = torch.randn(1, 1 + 37 * 37, 3, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(positions(embeddings, 16), interpolated(embeddings, 16), rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", [(32, 32), (28, 40), (240, 300), (224, 224)])
def test_pictures_are_resized_as_dgm_eval_does(shape: tuple[int, int]) -> None:
    images = pictures(*shape, count=1)
    pillow = Resize((224, 224), InterpolationMode.BICUBIC)(
        Image.fromarray(images[0].permute(1, 2, 0).numpy())
    )
    difference = (resized(images)[0] - 255 * ToTensor()(pillow)).abs()
    assert difference.max() < 2.5  # Pillow's weights are rounded
    assert (difference > 0.5).double().mean() < 0.02


def test_the_protocol_states_layer_resizing_and_weights(named: Path) -> None:
    assert registry.build("extractor", SMALL).protocol(FEATURES) == {
        "extractor": SMALL,
        "layer": "x_norm_clstoken",
        "input": "uint8",
        "resize": "bicubic, antialiased, to 224, in bytes",
        "weights_sha256": hashlib.sha256(named.read_bytes()).hexdigest(),
    }


def test_it_keeps_the_contract(named: Path) -> None:
    assert extracts(registry.get("extractor", SMALL)) is None


@pytest.mark.parametrize(
    ("name", "millions"), [(SMALL, 22.06), ("dinov2-vit-b-14", 86.58), ("dinov2-vit-l-14", 304.37)]
)
def test_every_size_has_the_published_number_of_parameters(name: str, millions: float) -> None:
    with torch.device("meta"):
        network = DinoV2(SIZES[name])
    assert sum(value.numel() for value in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
    assert name in registry.names("extractor")


def test_missing_weights_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    for name in SIZES:
        with pytest.raises(MissingData) as caught:
            registry.build("extractor", name)
        message = str(caught.value)
        place = (
            tmp_path
            / "hub"
            / "checkpoints"
            / f"{name.replace('-vit-', '_vit').replace('-', '')}_pretrain.pth"
        )
        assert message.startswith(f"extractor {name}: there are no weights at {place}; ")
        for remedy in (f"ganbench data fetch {name}", f"--extractor-weights {name}=FILE", WEIGHTS_VARIABLE):
            assert remedy in message
        model = place.name.removesuffix("_pretrain.pth")
        assert downloads()[name].url == f"https://dl.fbaipublicfiles.com/dinov2/{model}/{place.name}"


def test_another_sizes_weights_are_refused(named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "dinov2-vit-b-14"
    monkeypatch.setenv(WEIGHTS_VARIABLE, f"{other}={named}")
    why = r"cls_token has the shape \[1, 1, 384\], not \[1, 1, 768\]"
    with pytest.raises(GanbenchError, match=f"{named}: these are no weights of {other}: {why}"):
        registry.build("extractor", other)
